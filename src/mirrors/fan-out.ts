import type { MirrorFacts } from './ledger/advance.ts';
import type { MirrorDocument, Proven } from './ledger/document.ts';
import { missingFiles, mirrorWork, type Missing, type MirrorWork } from './ledger/work.ts';
import { isStoreError } from '../storage/errors.ts';
import { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import { commitMirror, type MirrorRound } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { REMOVAL_GRACE_MS } from '../pipeline/removal/finish-removals.ts';
import type { Mirror } from './mirror.ts';
import { quietMirror } from './quiet.ts';
import { doMirrorWork, type WorkOutcome } from './tasks.ts';
import { publishMirror } from './publish.ts';
import { ReadBudget, type ReadLimits } from '../pipeline/indexing/read-budget.ts';
import { ReadPool } from '../pipeline/indexing/read-pool.ts';
import { failedReplications, proveReplica, REPAIR_AFTER_MS } from './replica.ts';
import { errorText } from '../log/error-text.ts';

export interface FanOutLimits extends ReadLimits {
  /** Stops at the next step. Finished steps stay. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds between the end of a name on the mirror and the deletion of its bytes, without the edge's
   * time.
   */
  readonly graceMs?: number;
  /** Milliseconds after which a replica that is still missing is copied. */
  readonly repairAfterMs?: number;
  /** Return without listing the mirror's images when its document shows that there is nothing to do. */
  readonly quick?: boolean;
  /** Persists between calls in a warm process. */
  readonly memory?: CatalogMemory;
  /** Called with the bytes copied so far and the total to be copied. */
  readonly onProgress?: (bytes: number, total: number) => void;
}

export interface FanOutReport {
  /** The generation of the mirror's document, which is public now unless the mirror is `adopting`. */
  readonly generation: number;
  readonly revision: number;
  readonly copied: number;
  readonly copiedBytes: number;
  readonly missing: Missing;
  /** The number of objects that will be deleted when their time is reached. */
  readonly leaving: number;
  /** By key: the errors of objects that could not be handled in this run. */
  readonly failures: ReadonlyMap<string, unknown>;
}

const JOBS_AT_ONCE = 12;
/**
 * Few of the jobs are large. Together they use the full bandwidth, and the other workers stay free for small
 * jobs.
 */
const LARGE = { over: 16 * 1024 * 1024, limit: 4 };
/** Milliseconds between two commits of one run. */
const COMMIT_INTERVAL = 1000;
/** Milliseconds after which a run that waits for a large copy checks the master for changes. */
const MASTER_INTERVAL = 5000;
/** How often one object is tried in one run. */
const MAX_TRIES = 3;
/** This many failures in a row are failures of the mirror, not of the objects. */
const MAX_FAILURES = 5;
/** The part of the time left that is kept for the last commit and publication, in milliseconds. */
const LAST_MS = 10_000;

/**
 * Brings one mirror up to the master. It copies missing objects, proves them and publishes what is proven. It
 * removes what is no longer wanted, names before bytes. A run can be stopped at any point, and the next run
 * continues. Rejects when the mirror's document or public files cannot be read or written.
 */
export async function fanOut(
  context: PipelineContext,
  mirror: Mirror,
  limits: FanOutLimits = {},
): Promise<FanOutReport> {
  return new FanOut(context, mirror, limits).run();
}

class FanOut {
  readonly #context: PipelineContext;
  readonly #mirror: Mirror;
  readonly #limits: FanOutLimits;
  readonly #memory: CatalogMemory;
  readonly #graceMs: number;
  readonly #budget: ReadBudget;
  readonly #pool = new ReadPool<WorkOutcome>(JOBS_AT_ONCE, LARGE);
  readonly #busy = new Set<string>();
  readonly #tries = new Map<string, number>();
  /** By key: true when the service has given up replicating the object. */
  readonly #givenUp = new Map<string, boolean>();
  readonly #proofs = new Map<string, Proven>();
  readonly #failures = new Map<string, unknown>();
  #failuresInRow = 0;
  #stopped = false;
  #copied = 0;
  #bytes = 0;
  #progress = 0;
  #total = 0;

  constructor(context: PipelineContext, mirror: Mirror, limits: FanOutLimits) {
    this.#context = context;
    this.#mirror = mirror;
    this.#limits = limits;
    this.#memory = limits.memory ?? new CatalogMemory();
    this.#graceMs = limits.graceMs ?? REMOVAL_GRACE_MS;
    this.#budget = new ReadBudget(limits, context.now);
  }

  async run(): Promise<FanOutReport> {
    const { now, pause } = this.#context;
    if (this.#limits.quick) {
      const quiet = await quietMirror(this.#context, this.#mirror, this.#memory, this.#graceMs);
      if (quiet) return this.#report(quiet.document, quiet.wanted);
    }
    for (;;) {
      const began = now();
      const round = await this.#round();
      const works = mirrorWork(round.document, round.facts);
      await this.#readFailedReplications(works);
      for (const work of works) this.#schedule(work);
      if (this.#pool.isEmpty) {
        // When a change is public, the work that waited for it can start.
        if (round.moved && !this.#isStopped()) continue;
        return this.#report(round.document, round.facts.wanted);
      }
      // Listing a large mirror takes time. Nine tenths of the time are kept for the copies.
      const interval = Math.max(COMMIT_INTERVAL, 10 * (now() - began));
      await this.#take((signal) => pause(Math.max(0, began + interval - now()), signal), round);
    }
  }

  async #round(): Promise<MirrorRound & { readonly moved: boolean }> {
    const repairAfterMs = this.#limits.repairAfterMs ?? REPAIR_AFTER_MS;
    const aged = this.#context.now() - repairAfterMs;
    const round = await commitMirror(this.#context, this.#mirror, this.#memory, {
      proofs: this.#proofs,
      graceMs: this.#graceMs,
      mayReplace: ({ lastModified }) => this.#mirror.copy === 'fan-out' || lastModified <= aged,
    });
    const published = await publishMirror(this.#context, this.#mirror, round);
    return { ...round, moved: round.changed || published };
  }

  /** Takes the jobs that have ended. A change on the master ends the wait too. */
  async #take(
    gathering: (signal: AbortSignal) => Promise<void>,
    round: MirrorRound,
  ): Promise<void> {
    for (;;) {
      const results = await this.#pool.take(gathering, (signal) =>
        this.#context.pause(MASTER_INTERVAL, signal),
      );
      for (const [key, outcome] of results) this.#close(key, outcome);
      if (results.size > 0 || this.#pool.isEmpty) return;
      const catalog = await this.#memory.load(this.#context.store);
      if (catalog?.catalog !== round.catalog) return;
    }
  }

  #schedule(work: MirrorWork): void {
    const { key } = work;
    const tries = this.#tries.get(key) ?? 0;
    if (this.#busy.has(key) || this.#isStopped() || !this.#isDue(work)) return;
    if (tries >= MAX_TRIES) {
      const reason = new Error(`${key} keeps changing; the next run tries again`);
      if (!this.#failures.has(key)) this.#failures.set(key, reason);
      return;
    }
    this.#tries.set(key, tries + 1);
    this.#busy.add(key);
    const size = work.kind === 'remove' ? 0 : work.wanted.size;
    this.#total += size;
    this.#pool.add(key, size, () => this.#do(work, size));
  }

  /** Reads the replication status of each object once in a run. */
  async #readFailedReplications(works: readonly MirrorWork[]): Promise<void> {
    const waiting = works
      .filter((work) => work.kind === 'copy')
      .filter((work) => !this.#isDue(work));
    const unknown = waiting.filter(({ key }) => !this.#givenUp.has(key));
    if (unknown.length === 0 || this.#isStopped()) return;
    const failed = await failedReplications(this.#context, this.#mirror, unknown);
    for (const { key } of unknown) this.#givenUp.set(key, failed.includes(key));
  }

  /** With replication, the service copies. We copy only when it has given up or has not copied for long. */
  #isDue(work: MirrorWork): boolean {
    if (this.#mirror.copy === 'fan-out' || work.kind !== 'copy') return true;
    if (this.#givenUp.get(work.key)) return true;
    const age = this.#context.now() - work.wanted.lastModified;
    return age >= (this.#limits.repairAfterMs ?? REPAIR_AFTER_MS);
  }

  async #do(work: MirrorWork, size: number): Promise<WorkOutcome> {
    if (this.#isStopped()) return { kind: 'later' };
    const { signal, deadline } = this.#limits;
    if (!this.#budget.everFits(size)) {
      const error = new Error(
        `${work.key} is too large for the function; run \`bucketstreams mirror sync\` once`,
      );
      return { kind: 'failed', error };
    }
    if (!this.#budget.fits(size)) return { kind: 'later' };
    const ended = this.#budget.start(size);
    let counted = 0;
    const onProgress = (bytes: number) => {
      this.#progress += bytes - counted;
      counted = bytes;
      this.#limits.onProgress?.(this.#progress, this.#total);
    };
    if (this.#mirror.copy === 'replication' && work.kind === 'read') {
      const proof = await proveReplica(this.#context, this.#mirror, work).catch(
        (error: unknown): WorkOutcome => ({ kind: 'failed', error }),
      );
      if (proof) return proof;
    }
    const left =
      deadline === undefined
        ? []
        : [AbortSignal.timeout(Math.max(0, deadline - this.#context.now() - LAST_MS))];
    const signals = [...left, ...(signal ? [signal] : [])];
    const [first] = signals;
    const outcome = await doMirrorWork(this.#context, this.#mirror, work, {
      onProgress,
      ...(first && { signal: signals.length > 1 ? AbortSignal.any(signals) : first }),
    });
    ended();
    onProgress(outcome.kind === 'proven' ? size : 0);
    return outcome;
  }

  #close(key: string, outcome: WorkOutcome): void {
    this.#busy.delete(key);
    switch (outcome.kind) {
      case 'proven':
        this.#failuresInRow = 0;
        this.#failures.delete(key);
        this.#proofs.set(key, outcome.proven);
        if (outcome.proven.proof !== 'copied') return;
        this.#copied += 1;
        this.#bytes += outcome.bytes;
        this.#context.meter.count('BytesCopied', outcome.bytes, { mirror: this.#mirror.name });
        return;
      case 'failed':
        this.#fail(key, outcome.error);
        return;
      case 'later':
        this.#stopped = true;
        return;
      case 'look':
    }
  }

  #fail(key: string, error: unknown): void {
    this.#failures.set(key, error);
    this.#failuresInRow += 1;
    this.#context.log('warn', 'mirror copy failed', {
      mirror: this.#mirror.name,
      key,
      error: errorText(error),
    });
    if (this.#failuresInRow >= MAX_FAILURES || isStoreError(error, 'no_space'))
      this.#stopped = true;
  }

  #isStopped(): boolean {
    return this.#stopped || this.#limits.signal?.aborted === true;
  }

  #report(document: MirrorDocument, wanted: MirrorFacts['wanted']): FanOutReport {
    return {
      generation: document.generation,
      revision: document.revision,
      copied: this.#copied,
      copiedBytes: this.#bytes,
      missing: missingFiles(document, wanted),
      leaving: Object.keys(document.pendingDeletion).length,
      failures: this.#failures,
    };
  }
}
