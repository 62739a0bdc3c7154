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
import { secondsToMs } from '../console/arguments.ts';
import { defineCommand } from '../console/command.ts';
import { UsageError, type ExitCode } from '../console/exit.ts';
import { createProgress } from '../console/progress.ts';
import { report } from '../shared/publish-report.ts';
import { stoppable } from '../console/stoppable.ts';
import { STORE_OPTIONS, withStore } from '../shared/store-options.ts';
import type { Terminal } from '../console/terminal.ts';

export const publishCommand = defineCommand({
  name: 'publish',
  description: `Stores the files of an image as one version of a product. What each file is, its bytes tell, not its name: metadata (a tar with a metadata.yaml), roots (squashfs, tar, qcow2), both in one tar, and SHA256SUMS by its name. A virtual machine in one tar is stored as its metadata and its disk.

With --from, the image comes out of a running LXD or Incus instead, as a stream, and its product and version default to what its properties say. A stopped instance or a snapshot is made an image there for the time of it.

Files are stored under new keys only and the metadata last, so that nobody ever sees half an image. Stopped by a signal, it takes away what it has begun, and a second one ends it at once. serve, watch or the deployed functions then index it.`,
  operands: { name: '[FILES…]', min: 0, max: 100 },
  options: {
    ...STORE_OPTIONS,
    from: {
      type: 'string',
      value: 'lxd:[REMOTE:]NAME | incus:[REMOTE:]NAME',
      help: 'Take the image from the local LXD or Incus, or from a remote that your lxc or incus knows. NAME is its alias, or its fingerprint or the beginning of that; or a stopped instance, or INSTANCE/SNAPSHOT.',
    },
    instance: {
      type: 'boolean',
      help: 'The NAME of --from is an instance or snapshot, though an image has it as its alias.',
    },
    product: {
      type: 'string',
      short: 'p',
      value: 'OS/RELEASE/ARCH/VARIANT',
      help: 'The product it is a version of, such as busybox/1.36/amd64/default.',
    },
    version: {
      type: 'string',
      value: 'VERSION',
      help: 'YYYYMMDD, and any suffix. Files that are missing may be added to one that exists. Default: this minute in UTC, YYYYMMDD_HHMM, or the same with -2, -3 …',
    },
    force: { type: 'boolean', help: 'Replace files of the version that have other bytes.' },
    wait: {
      type: 'boolean',
      help: 'Wait until clients can see the image; exit code 1 and the reason when they will not.',
    },
    timeout: {
      type: 'string',
      value: 'SECONDS',
      help: 'How long --wait waits at most. Default: 300.',
    },
    json: { type: 'boolean', help: 'Print one JSON object.' },
  },
  examples: [
    'bucketstreams publish --product busybox/1.36/amd64/default lxd.tar.xz rootfs.squashfs',
    'bucketstreams publish -p busybox/1.36/amd64/default --version 20250101_1200 disk.qcow2 --wait',
    'bucketstreams publish --from lxd:bionic-vim --product iats/bionic/amd64/vim',
    'bucketstreams publish --from incus:builder:my-container/ready -p iats/trixie/amd64/default',
  ],
  run: async (invocation): Promise<ExitCode> => {
    const { values, operands, terminal } = invocation;
    const timeout = secondsToMs('--timeout', values.timeout) ?? 300_000;
    const reporting = { json: values.json === true, ...(values.wait && { timeout }) };
    checkVersion(values.version);
    const placing = { version: values.version, force: values.force === true };
    if (values.from !== undefined) {
      if (operands.length > 0) throw new UsageError('--from and FILES exclude each other');
      const product = values.product === undefined ? undefined : parseProduct(values.product);
      const from = await parseSource(values.from, terminal.env);
      return stoppable(terminal, (signal) =>
        withStore(invocation, async ({ context: { store, now } }) => {
          const progress = createProgress(terminal, 'Stored');
          const placed = await publishFrom(store, {
            ...{ ...from, ...placing, product, signal, now: now() },
            instance: values.instance === true,
            onProgress: (bytes, total) => progress.update(bytes, total),
          }).finally(() => progress.clear());
          return report(store, placed, terminal, { ...reporting, signal });
        }),
      );
    }
    if (values.instance) throw new UsageError('--instance says what the name of --from is');
    if (operands.length === 0) throw new UsageError('FILES… is missing, or --from');
    const product = parseProduct(values.product);
    const files = await recogniseFiles(operands);
    return stoppable(terminal, (signal) =>
      withStore(invocation, async ({ context: { store, now } }) => {
        const total = files.reduce((sum, { size }) => sum + size, 0);
        const progress = createProgress(terminal, 'Stored');
        const placed = await placeVersion(store, {
          ...{ ...placing, product, files, signal, now: now() },
          onProgress: (bytes, file) => progress.update(bytes, total, file),
        }).finally(() => progress.clear());
        return report(store, placed, terminal, { ...reporting, signal });
      }),
    );
  },
});

/** Reads `lxd:NAME`, `incus:NAME` or either with a remote before the name, and finds the server to ask. */
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
