import { isKnownArchitecture, unknownArchitecture } from '../../images/architectures.ts';
import {
  parseProductPath,
  PRODUCT_NAME_RULE,
  versionProblem,
  type ProductRef,
} from '../../images/layout.ts';
import { instanceSource, type InstanceSource } from '../../sources/instances/configured-remote.ts';
import { placeVersion } from '../../publishing/place-version.ts';
import { publishFrom } from '../../publishing/publish-from.ts';
import { recogniseFiles } from '../../publishing/recognise.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { UsageError, type ExitCode } from '../console/exit.ts';
import { seconds, text, value } from '../console/options.ts';
import { createProgress } from '../console/progress.ts';
import { report } from '../shared/publish-report.ts';
import { stoppable } from '../console/stoppable.ts';
import type { StoreValues } from '../shared/settings.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';
import type { Terminal } from '../console/terminal.ts';

export function publishCommand(run: ProgramRun) {
  const command = new ConsoleCommand('publish', run)
    .description(
      `Stores the files of an image as one version of a product. Each file is recognised by its bytes, not its name: metadata (a tar with a metadata.yaml), roots (squashfs, tar, qcow2), both in one tar, and SHA256SUMS by its name. A virtual machine in one tar is stored as its metadata and its disk.

With --from, the image comes out of a running LXD or Incus instead, as a stream, and its product and version default to what its properties say. A stopped instance or a snapshot is made an image there for the time of it.

Files are stored under new keys only and the metadata last, so that nobody ever sees half an image. Stopped by a signal, it takes away what it has begun, and a second one ends it at once. serve, watch or the deployed functions then index it.`,
    )
    .argument('[FILES...]')
    .addOption(
      text(
        '--from <SOURCE>',
        'Take the image from the local LXD or Incus, lxd:NAME or incus:NAME, or from a remote that your lxc or incus knows, lxd:REMOTE:NAME. NAME is its alias, or its fingerprint or the beginning of that; or a stopped instance, or INSTANCE/SNAPSHOT.',
      ),
    )
    .option(
      '--instance',
      'The NAME of --from is an instance or snapshot, though an image has it as its alias.',
    )
    .addOption(
      text(
        '-p, --product <PRODUCT>',
        'The product it is a version of, OS/RELEASE/ARCH/VARIANT, such as busybox/1.36/amd64/default.',
      ),
    )
    .addOption(
      text(
        '--version <VERSION>',
        'YYYYMMDD, and any suffix. Files that are missing may be added to one that exists. Default: this minute in UTC, YYYYMMDD_HHMM, or the same with -2, -3 …',
      ),
    )
    .option('--force', 'Replace files of the version that have other bytes.')
    .option(
      '--wait',
      'Wait until clients can see the image; exit code 1 and the reason when they will not.',
    )
    .addOption(
      value('--timeout <SECONDS>', 'How long --wait waits at most. Default: 300.', seconds),
    )
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams publish --product busybox/1.36/amd64/default lxd.tar.xz rootfs.squashfs',
        'bucketstreams publish -p busybox/1.36/amd64/default --version 20250101_1200 disk.qcow2 --wait',
        'bucketstreams publish --from lxd:bionic-vim --product iats/bionic/amd64/vim',
        'bucketstreams publish --from incus:builder:my-container/ready -p iats/trixie/amd64/default',
      ),
    )
    .action(async (paths, values) => {
      run.exitCode = await publish(paths, values, run.terminal);
    });
}

interface PublishValues extends StoreValues {
  readonly from?: string;
  readonly instance?: boolean;
  readonly product?: string;
  readonly version?: string;
  readonly force?: boolean;
  readonly wait?: boolean;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly json?: boolean;
}

async function publish(
  paths: readonly string[],
  values: PublishValues,
  terminal: Terminal,
): Promise<ExitCode> {
  const timeout = values.timeout ?? 300_000;
  const reporting = { json: values.json === true, ...(values.wait && { timeout }) };
  checkVersion(values.version);
  const placing = { version: values.version, force: values.force === true };
  if (values.from !== undefined) {
    if (paths.length > 0) throw new UsageError('--from and FILES exclude each other');
    const product = values.product === undefined ? undefined : parseProduct(values.product);
    const from = await parseSource(values.from, terminal.env);
    return stoppable(terminal, (signal) =>
      withStore({ values, terminal }, async ({ context: { store, now } }) => {
        const progress = createProgress(terminal, 'Stored');
        const placed = await publishFrom(store, {
          ...from,
          ...placing,
          product,
          signal,
          now: now(),
          instance: values.instance === true,
          onProgress: (bytes, total) => progress.update(bytes, total),
        }).finally(() => progress.clear());
        return report(store, placed, terminal, { ...reporting, signal });
      }),
    );
  }
  if (values.instance) throw new UsageError('--instance says what the name of --from is');
  if (paths.length === 0) throw new UsageError('FILES… is missing, or --from');
  const product = parseProduct(values.product);
  const files = await recogniseFiles(paths);
  return stoppable(terminal, (signal) =>
    withStore({ values, terminal }, async ({ context: { store, now } }) => {
      const total = files.reduce((sum, { size }) => sum + size, 0);
      const progress = createProgress(terminal, 'Stored');
      const placed = await placeVersion(store, {
        ...placing,
        product,
        files,
        signal,
        now: now(),
        onProgress: (bytes, file) => progress.update(bytes, total, file),
      }).finally(() => progress.clear());
      return report(store, placed, terminal, { ...reporting, signal });
    }),
  );
}

/** Reads `lxd:NAME`, `incus:NAME`, or either with a remote before the name, and finds the server. */
async function parseSource(
  text: string,
  env: Terminal['env'],
): Promise<{ readonly source: InstanceSource; readonly name: string }> {
  const [, kind, remote, name] = /^(lxd|incus):(?:([^:]*):)?(.+)$/.exec(text) ?? [];
  if ((kind !== 'lxd' && kind !== 'incus') || name === undefined) {
    throw new UsageError(
      `--from is ${JSON.stringify(text)}; lxd:NAME, incus:NAME or lxd:REMOTE:NAME is expected`,
    );
  }
  return { source: await instanceSource(kind, remote, env), name };
}

function checkVersion(version: string | undefined): void {
  const problem = version === undefined ? undefined : versionProblem(version);
  if (problem !== undefined) throw new UsageError(`--version: ${problem}`);
}

function parseProduct(text: string | undefined): ProductRef {
  if (text === undefined) {
    throw new UsageError('--product is missing: --product OS/RELEASE/ARCH/VARIANT');
  }
  const product = parseProductPath(text.replace(/\/$/, ''));
  if (product && !isKnownArchitecture(product.arch)) {
    throw new UsageError(
      `--product is ${JSON.stringify(text)}; ${unknownArchitecture(product.arch)}`,
    );
  }
  if (product) return product;
  throw new UsageError(
    `--product is ${JSON.stringify(text)}; os/release/arch/variant is expected, ${PRODUCT_NAME_RULE}`,
  );
}
