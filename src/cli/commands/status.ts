import type { Catalog, VersionState } from '../../catalog/document.ts';
import { STREAMS_PREFIX } from '../../facts/delivery-policy.ts';
import { readScanRecord } from '../../local/scan-record.ts';
import { mapConcurrently } from '../../pipeline/concurrently.ts';
import { isPipelineError } from '../../pipeline/errors.ts';
import { loadCatalog } from '../../pipeline/documents/load-catalog.ts';
import { mirrorStatus, unopenedMirror, type MirrorStatus } from '../../mirrors/status.ts';
import { followsCatalog, type PublicDocument } from '../../pipeline/documents/public-documents.ts';
import { readPublicFile } from '../../pipeline/documents/public-files.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { oneLine } from '../console/exit.ts';
import { text } from '../console/options.ts';
import { listIgnoredKeys } from '../shared/listing.ts';
import { withMirrors } from '../shared/mirrors.ts';
import { formatBytes } from '../console/progress.ts';
import { withStore, withStoreOptions, type OpenedStore } from '../shared/store-options.ts';
import { errorText } from '../../log/error-text.ts';

export function statusCommand(run: ProgramRun) {
  const command = new ConsoleCommand('status', run)
    .description(
      `Prints the state of a store: the catalog's generation and that of the public files, how many versions are in which state, and what is wrong.`,
    )
    .addOption(
      text(
        '--state <DIR>',
        "The state folder of serve or watch, for the last scan. Default: serve's.",
      ),
    )
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples('bucketstreams status', 'bucketstreams status --store s3://images --json'),
    )
    .action(async (values) => {
      const { terminal } = run;
      run.exitCode = await withStore(
        { values, terminal },
        async (opened) => {
          const own = await statusOf(opened, values.state ?? opened.stateDir);
          const mirrors = await mirrorsOf(opened, terminal.env);
          const status = { ...own, ...(mirrors.length > 0 ? { mirrors } : {}) };
          terminal.out(
            values.json ? JSON.stringify(status, undefined, 2) + '\n' : statusText(status),
          );
          return 0;
        },
        { use: 'read' },
      );
    });
}

interface Status {
  readonly store: string;
  /** The catalog's generation; null when there is no catalog. */
  readonly generation: number | null;
  /**
   * The generation of each public document that follows the catalog, by its short name; null without a document of
   * ours.
   */
  readonly public: Readonly<Record<string, number | null>>;
  readonly products: number;
  readonly versions: Readonly<Partial<Record<VersionState, number>>>;
  /** Ignored keys: for a directory now, for a bucket at the last scan. */
  readonly refused: number;
  /** The time of the last scan in ISO 8601; null when it is not known here. */
  readonly lastSweep: string | null;
  readonly problems: readonly string[];
  readonly mirrors?: readonly MirrorStatus[];
}

async function statusOf(opened: OpenedStore, stateDir: string): Promise<Status> {
  const { store, documents } = opened.context;
  const problems: string[] = [];
  let catalog: Catalog | undefined;
  try {
    catalog = (await loadCatalog(store))?.catalog;
  } catch (error) {
    if (!isPipelineError(error)) throw error;
    problems.push(error.message);
  }
  const sweep = await readScanRecord(stateDir);
  const generations: Record<string, number | null> = {};
  for (const document of documents.filter(followsCatalog).toReversed()) {
    generations[shortName(document)] = await generationOf(store, document, problems);
  }
  if (catalog) problems.push(...catalogProblems(catalog, generations));
  else if (problems.length === 0 && Object.values(generations).some((one) => one !== null)) {
    problems.push(
      'the catalog is gone while its public files are there: run `bucketstreams update`',
    );
  }
  if (sweep && sweep.heldRemovals > 0) {
    problems.push(
      `${sweep.heldRemovals} published versions are gone and their removal is held back: run \`bucketstreams update --accept-removals\` if that is meant`,
    );
  }
  return {
    store: store.url,
    generation: catalog?.generation ?? null,
    public: generations,
    products: Object.keys(catalog?.products ?? {}).length,
    versions: catalog ? countStates(catalog) : {},
    refused: await ignoredCount(opened, catalog, problems),
    lastSweep: sweep ? new Date(sweep.endedAt).toISOString() : null,
    problems,
  };
}

/** Lists a directory, which is fast. For a bucket, uses the count of the last scan. */
async function ignoredCount(
  { context, directory, skipped }: OpenedStore,
  catalog: Catalog | undefined,
  problems: string[],
): Promise<number> {
  const recorded = catalog?.ignored.count ?? 0;
  if (directory === undefined) return recorded;
  try {
    return (await listIgnoredKeys(context.store, skipped)).length;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    problems.push(error.message);
    return recorded;
  }
}

/**
 * Returns the state of the configuration's mirrors. Empty when there are none, or when the configuration is about
 * another store.
 */
async function mirrorsOf(
  opened: OpenedStore,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly MirrorStatus[]> {
  if (opened.config.mirrors.length === 0 || !opened.configured) return [];
  return withMirrors(opened, { env, use: 'read' }, (mirrors) =>
    mapConcurrently(mirrors, mirrors.length, (one) => {
      if ('mirror' in one) return mirrorStatus(opened.context, one.mirror);
      const { name, error } = one;
      const problem = errorText(error);
      return unopenedMirror(opened.context, name, problem);
    }),
  );
}

/** Returns `index` for `streams/v1/index.json`. */
function shortName({ key }: PublicDocument): string {
  return key.replace(STREAMS_PREFIX, '').replace(/\.json$/, '');
}

async function generationOf(
  store: ObjectStore,
  document: PublicDocument,
  problems: string[],
): Promise<number | null> {
  const file = await readPublicFile(store, document);
  if (file.kind === 'foreign') {
    problems.push(
      `${document.key} was written by another program: run \`bucketstreams init\` to take the store over`,
    );
  }
  return file.kind === 'ours' ? file.revision.catalog : null;
}

function catalogProblems(catalog: Catalog, generations: Status['public']): string[] {
  const problems: string[] = [];
  if (catalog.rebuilding) problems.push('the catalog is being rebuilt: run `bucketstreams update`');
  for (const [name, generation] of Object.entries(generations)) {
    if (generation === catalog.generation) continue;
    problems.push(
      `${name}.json has generation ${generation ?? 'none'}, not the catalog's ${catalog.generation}: run \`bucketstreams update\` unless serve or watch is at it`,
    );
  }
  for (const [name, { file }] of Object.entries(catalog.products)) {
    if (file?.problem !== undefined) problems.push(`product.toml of ${name}: ${file.problem}`);
  }
  return problems;
}

function countStates(catalog: Catalog): Partial<Record<VersionState, number>> {
  const counts: Partial<Record<VersionState, number>> = {};
  for (const { versions } of Object.values(catalog.products)) {
    for (const { state } of Object.values(versions)) counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

function statusText(status: Status): string {
  const states = Object.entries(status.versions).map(([state, count]) => `${count} ${state}`);
  const published = Object.entries(status.public).map(
    ([name, generation]) => `${name} ${generation ?? 'none'}`,
  );
  const refused = status.refused > 0 ? `; ${status.refused} files are no images` : '';
  const lines = [
    `Store       ${status.store}`,
    `Catalog     ${status.generation === null ? 'none' : `generation ${status.generation}`}`,
    `Public      ${published.join(', ')}`,
    `Products    ${status.products}`,
    `Versions    ${states.join(', ') || 'none'}${refused}`,
    `Last sweep  ${status.lastSweep ?? 'not known here'}`,
    ...status.problems.map((problem) => `Problem     ${oneLine(problem)}`),
    ...(status.mirrors ?? []).flatMap(mirrorLines),
  ];
  return lines.join('\n') + '\n';
}

function mirrorLines(mirror: MirrorStatus): string[] {
  const { name, store, behind, missingVersions: missing, missingBytes, leaving } = mirror;
  const { generation, revision } = mirror.public ?? {};
  const state = [
    generation === undefined ? 'nothing public' : `generation ${generation}.${revision ?? 0}`,
    ...(behind === null || behind === 0 ? [] : [`${behind} behind`]),
    ...(missing === 0 ? ['complete'] : []),
    ...(missing ? [`${missing} versions missing (${formatBytes(missingBytes ?? 0)})`] : []),
    ...(leaving ? [`${leaving} files leaving`] : []),
  ];
  return [
    `Mirror      ${name}${store && ` (${store})`}: ${state.join(', ')}`,
    ...mirror.problems.map((problem) => `Problem     ${name}: ${oneLine(problem)}`),
    ...(mirror.lastError === null ? [] : [lastErrorLine(name, mirror.lastError)]),
  ];
}

function lastErrorLine(
  name: string,
  { key, message, since, until }: NonNullable<MirrorStatus['lastError']>,
): string {
  const time = until === null ? `since ${since}` : `from ${since} until ${until}`;
  return `Last error  ${name}, ${time}: ${key === null ? '' : `${key}: `}${oneLine(message)}`;
}
