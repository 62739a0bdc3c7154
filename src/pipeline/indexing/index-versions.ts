import type { Catalog, Version } from '../../catalog/document.ts';
import { settle } from '../../catalog/settle.ts';
import { productName, productPrefix } from '../../images/layout.ts';
import { commitCatalog } from '../documents/commit-catalog.ts';
import { mapConcurrently } from '../concurrently.ts';
import type { PipelineContext } from '../context.ts';
import { publishStreams } from '../documents/publish-streams.ts';
import { measureRejections } from './measure.ts';
import { ReadBudget, type ReadLimits } from './read-budget.ts';
import { ReadPool } from './read-pool.ts';
import { readVersion, type ReadOutcome } from './read-version.ts';
import { exceedsGuard } from './removal-guard.ts';
import { seeTarget, type Doubt, type Seen } from './see-target.ts';
import { targetOfPrefix, type Target } from './targets.ts';

export interface IndexLimits extends ReadLimits {
  /** Stops at the next step. Committed changes stay. */
  readonly signal?: AbortSignal;
  /** Holds a suspicious removal of many versions at once; see `removal-guard.ts`. */
  readonly guard?: boolean;
  /** Data that is found again instead of taken from the catalog; none by default. */
  readonly doubt?: Doubt;
}

/** The outcome for a prefix that was to be indexed. */
export type Outcome =
  /** Public, or in a state that only a change of its files can change. */
  | { readonly kind: 'done' }
  /** To be passed in again, after at least this many milliseconds. */
  | { readonly kind: 'again'; readonly afterMs: number; readonly reason: string }
  /** Many versions are gone at once. They stay as they are until a person confirms their removal. */
  | { readonly kind: 'held'; readonly reason: string };

export interface IndexReport {
  /** The generation of the catalog that is public now. */
  readonly generation: number;
  /** By prefix, as passed in. Prefixes of no version or product are `done`. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** The versions that were passed in, as the catalog has them now; undefined for one that is gone. */
  readonly versions: ReadonlyMap<string, Version | undefined>;
}

const LOOKS_AT_ONCE = 16;
const READS_AT_ONCE = 4;
/** Milliseconds between two commits of one invocation. */
const COMMIT_INTERVAL = 1000;
/** How often the files of one version may change while they are read, before it is retried later. */
const MAX_LOOKS = 5;
const SHORT_WAIT = 5000;

/**
 * Brings the catalog and the public files to what the store has at these prefixes
 * (`images/os/release/arch/variant/version/`, or a product's). Events are hints: they may be wrong, late,
 * doubled or lost, and only the result of a look counts. Versions that are ready are committed together, at
 * most once a second. One process computes no digest twice. Rejects when the catalog cannot be committed or
 * published. The caller must then pass in everything again.
 */
export async function indexVersions(
  context: PipelineContext,
  dirty: Iterable<string>,
  limits: IndexLimits = {},
): Promise<IndexReport> {
  return new Indexing(context, limits).run(new Set(dirty));
}

class Indexing {
  readonly #context: PipelineContext;
  readonly #limits: IndexLimits;
  readonly #budget: ReadBudget;
  readonly #pool = new ReadPool<ReadOutcome>(READS_AT_ONCE);
  readonly #outcomes = new Map<string, Outcome>();
  readonly #looks = new Map<string, number>();
  #catalog: Catalog | undefined;
  #published = 0;

  constructor(context: PipelineContext, limits: IndexLimits) {
    this.#context = { ...context, known: {} };
    this.#limits = limits;
    this.#budget = new ReadBudget(limits, context.now);
  }

  async run(prefixes: ReadonlySet<string>): Promise<IndexReport> {
    const targets = new Map<string, Target>();
    for (const prefix of prefixes) {
      const target = targetOfPrefix(prefix);
      if (target === undefined) this.#outcomes.set(prefix, { kind: 'done' });
      else targets.set(prefix, target);
    }
    let open = [...targets.values()];
    let lastCommit = -Infinity;
    const retryLater: Target[] = [];
    for (;;) {
      const began = this.#context.now();
      const seen = await this.#round(open, false);
      if (seen.committed) lastCommit = began;
      for (const one of seen.looks) this.#close(one, retryLater);
      if (this.#pool.isEmpty || this.#limits.signal?.aborted) break;
      const rest = lastCommit + COMMIT_INTERVAL - this.#context.now();
      const results = await this.#pool.take((signal) =>
        this.#context.pause(Math.max(0, rest), signal),
      );
      open = [];
      for (const [prefix, result] of results) {
        const target = targets.get(prefix);
        if (target === undefined) continue;
        open.push(target);
        if (result.kind === 'look') continue;
        this.#outcomes.set(prefix, { kind: 'again', afterMs: SHORT_WAIT, reason: result.reason });
        retryLater.push(target);
      }
    }
    // These get an entry too, so that their uploader finds them and the reason why they wait.
    if (retryLater.length > 0) await this.#round(retryLater, true);
    return await this.#report(targets);
  }

  /**
   * Looks at the targets and commits those that are ready. With `all`, commits also those that are still to
   * be read.
   */
  async #round(
    targets: readonly Target[],
    all: boolean,
  ): Promise<{ readonly looks: readonly Seen[]; readonly committed: boolean }> {
    if (targets.length === 0) return { looks: [], committed: false };
    let looks: readonly Seen[] = [];
    let due: readonly Seen[] = [];
    let before: Catalog | undefined;
    const { catalog, changed } = await commitCatalog(this.#context, async (current) => {
      before = current;
      looks = await mapConcurrently(targets, LOOKS_AT_ONCE, (target) =>
        seeTarget(this.#context, target, current, this.#limits.doubt),
      );
      const held = this.#limits.guard === true && this.#isSuspicious(looks, current);
      due = looks.filter((one) => (all || one.reads === 0 || one.leaves) && !(held && one.gone));
      const products = due.reduce((before, one) => one.apply(before), current).products;
      if (products === current.products) return undefined;
      return { ...current, products: settle(products, current.settings, this.#context.now()) };
    });
    this.#catalog = catalog;
    if (changed) this.#logInvalidProductFiles(due);
    if (changed && before) measureRejections(this.#context.meter, before, catalog, targets);
    if (changed) this.#published = (await publishStreams(this.#context, catalog)).generation;
    return { looks, committed: changed };
  }

  /**
   * Logs once for each product, and only after the commit. A look may be repeated; a committed file is not
   * new again.
   */
  #logInvalidProductFiles(due: readonly Seen[]): void {
    const invalid = due.flatMap(({ refusedProductFile: one }) => (one ? [one] : []));
    for (const [product, reason] of new Map(invalid.map((one) => [one.product, one.reason]))) {
      this.#context.log('warn', 'product.toml rejected', { product, reason });
    }
  }

  #isSuspicious(looks: readonly Seen[], current: Catalog): boolean {
    const gone = looks.filter((one) => one.gone);
    if (!exceedsGuard(gone.length, current)) return false;
    const reason = `${gone.length} published versions are gone at once; run bucketstreams update --accept-removals if that is meant`;
    for (const { target } of gone) this.#outcomes.set(target.prefix, { kind: 'held', reason });
    this.#context.log('error', 'removals held back', { versions: gone.length, remedy: reason });
    return true;
  }

  /** Ends a target that was looked at, or starts to read its bytes. */
  #close(one: Seen, retryLater: Target[]): void {
    const { target, version } = one;
    const { prefix } = target;
    if (one.productUnsettledFor !== undefined && target.kind === 'version') {
      const wait = again(one.productUnsettledFor, 'its file is still being written');
      this.#outcomes.set(productPrefix(target.ref.product), wait);
    }
    if (this.#outcomes.has(prefix)) return;
    if (one.unsettledFor !== undefined) {
      const reason = one.denied ?? 'its files are still being written';
      this.#outcomes.set(prefix, again(one.unsettledFor, reason));
    } else if (one.reads === 0 || version === undefined || target.kind !== 'version') {
      this.#outcomes.set(prefix, { kind: 'done' });
    } else {
      const looks = (this.#looks.get(prefix) ?? 0) + 1;
      this.#looks.set(prefix, looks);
      if (looks > MAX_LOOKS) {
        this.#outcomes.set(prefix, again(SHORT_WAIT, 'its files keep changing'));
        retryLater.push(target);
        return;
      }
      const clients = this.#catalog?.settings.clients ?? [];
      this.#pool.add(prefix, one.bytes, () =>
        readVersion(this.#context, target.ref, version, clients, this.#budget, this.#limits.signal),
      );
    }
  }

  async #report(targets: ReadonlyMap<string, Target>): Promise<IndexReport> {
    const { generation } = await publishStreams(this.#context, this.#catalog);
    for (const prefix of targets.keys()) {
      if (!this.#outcomes.has(prefix))
        this.#outcomes.set(prefix, again(SHORT_WAIT, 'it was interrupted'));
    }
    const versions = new Map<string, Version | undefined>();
    for (const target of targets.values()) {
      if (target.kind !== 'version') continue;
      const product = this.#catalog?.products[productName(target.ref.product)];
      versions.set(target.prefix, product?.versions[target.ref.version]);
    }
    return {
      generation: Math.max(generation, this.#published),
      outcomes: this.#outcomes,
      versions,
    };
  }
}

function again(afterMs: number, reason: string): Outcome {
  return { kind: 'again', afterMs, reason };
}
