import { adoptMirror } from '../../mirrors/adopt.ts';
import type { PipelineContext } from '../../pipeline/context.ts';
import type { FanOutReport } from '../../mirrors/fan-out.ts';
import { keepMirror } from '../../mirrors/keep.ts';
import { acceptBefore, ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { errorLines, exitCodeOf, UsageError, type ExitCode } from '../console/exit.ts';
import { seconds, value } from '../console/options.ts';
import type { Terminal } from '../console/terminal.ts';
import { withMirrors, type OpenedMirror } from '../shared/mirrors.ts';
import { createProgress, formatBytes, type Progress } from '../console/progress.ts';
import type { StoreValues } from '../shared/settings.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';
import { untilSignal } from '../console/until-signal.ts';

export function mirrorCommand(run: ProgramRun) {
  const mirror = new ConsoleCommand('mirror', run)
    .description('Keeps the mirrors that the configuration names.')
    .addHelpText('after', EXAMPLES);
  const sync = mirror
    .command('sync')
    .summary('Bring mirrors up to the master now')
    .description(
      `Brings all mirrors of the configuration up to the master, or the one that is called NAME. Copies what is missing, publishes what is proven, deletes what was removed once its grace is over. A second run continues an interrupted one.`,
    )
    .argument('[NAME]')
    .option(
      '--adopt',
      'Take over a mirror of another master, or a tree of another program, and make a lost or damaged mirror.json anew. Needs NAME.',
    )
    .addOption(
      value(
        '--removal-grace <SECONDS>',
        "Time between the end of a removed version's names on the mirror and the end of its bytes. Default: the configuration's, 7200.",
        seconds,
      ),
    )
    .option('--json', 'Print one JSON array.');
  const complete = withStoreOptions(sync)
    .addHelpText('after', EXAMPLES)
    .action(async (name, _values, command) => {
      run.exitCode = await syncMirrors(name, command.optsWithGlobals(), run.terminal);
    });
  acceptBefore(mirror, complete);
  return mirror;
}

const EXAMPLES = examples('bucketstreams mirror sync', 'bucketstreams mirror sync paris --adopt');

interface SyncValues extends StoreValues {
  readonly adopt?: boolean;
  /** Milliseconds. */
  readonly removalGrace?: number;
  readonly json?: boolean;
}

async function syncMirrors(
  name: string | undefined,
  values: SyncValues,
  terminal: Terminal,
): Promise<ExitCode> {
  if (values.adopt && name === undefined) {
    throw new UsageError('--adopt is for one mirror: write mirror sync NAME --adopt');
  }
  const abort = new AbortController();
  void untilSignal(terminal.env).then(() => abort.abort());
  return withStore({ values, terminal }, (opened) => {
    if (opened.config.mirrors.length === 0) {
      throw new UsageError(
        'there is no mirror to synchronise: write [mirrors.NAME] into bucketstreams.toml',
      );
    }
    return withMirrors(opened, { name, env: terminal.env, use: 'write' }, async (mirrors) => {
      const progress = createProgress(terminal, 'Copied');
      const totals = new Map<string, readonly [number, number]>();
      const results = await Promise.all(
        mirrors.map((one) =>
          sync(opened.context, one, {
            adopt: values.adopt === true,
            graceMs: values.removalGrace ?? opened.config.retention.grace * 1000,
            signal: abort.signal,
            onProgress: (...amount) => show(progress, totals.set(one.name, amount)),
          }),
        ),
      ).finally(() => progress.clear());
      if (values.json) terminal.out(JSON.stringify(results.map(toJson), undefined, 2) + '\n');
      else for (const result of results) terminal.out(toText(result));
      for (const { name: failed, error } of results) {
        for (const line of error === undefined ? [] : errorLines(error, false)) {
          terminal.err(`bucketstreams: ${failed}: ${line}\n`);
        }
      }
      if (abort.signal.aborted) return 1;
      return results.reduce<ExitCode>((worst, { code }) => (worst > code ? worst : code), 0);
    });
  });
}

interface SyncResult {
  readonly name: string;
  readonly report?: FanOutReport;
  readonly error?: unknown;
  readonly code: ExitCode;
}

async function sync(
  context: PipelineContext,
  opened: OpenedMirror,
  options: {
    readonly adopt: boolean;
    readonly graceMs: number;
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, total: number) => void;
  },
): Promise<SyncResult> {
  const { name } = opened;
  if ('error' in opened) return { name, error: opened.error, code: exitCodeOf(opened.error) };
  try {
    if (options.adopt) await adoptMirror(context, opened.mirror);
    const report = await keepMirror(context, opened.mirror, options);
    const [failure] = report.failures.values();
    if (failure !== undefined) return { name, report, error: failure, code: exitCodeOf(failure) };
    return {
      name,
      report,
      code: report.missing.files === 0 || opened.mirror.copy === 'replication' ? 0 : 1,
    };
  } catch (error) {
    return { name, error, code: exitCodeOf(error) };
  }
}

function show(progress: Progress, totals: ReadonlyMap<string, readonly [number, number]>): void {
  const sum = (at: 0 | 1) => [...totals.values()].reduce((all, amount) => all + amount[at], 0);
  progress.update(sum(0), sum(1));
}

function toText({ name, report }: SyncResult): string {
  if (report === undefined) return `${name}: not synchronised\n`;
  const { generation, revision, copied, copiedBytes, missing, leaving } = report;
  const parts = [
    `generation ${generation}.${revision}`,
    `${copied} files copied (${formatBytes(copiedBytes)})`,
    ...(missing.files > 0
      ? [`${missing.versions.size} versions not there yet (${formatBytes(missing.bytes)})`]
      : []),
    ...(leaving > 0 ? [`${leaving} files to be deleted after their grace`] : []),
  ];
  return `${name}: ${parts.join(', ')}\n`;
}

function toJson({ name, report, error }: SyncResult) {
  return {
    name,
    generation: report?.generation ?? null,
    revision: report?.revision ?? null,
    copied: report?.copied ?? 0,
    copiedBytes: report?.copiedBytes ?? 0,
    missingVersions: report?.missing.versions.size ?? null,
    missingBytes: report?.missing.bytes ?? null,
    leaving: report?.leaving ?? null,
    error: error === undefined ? null : (errorLines(error, false)[0] ?? null),
  };
}
