import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../command.ts';

export type DaemonKind = 'lxd' | 'incus';
export const DAEMON_KINDS: readonly DaemonKind[] = ['lxd', 'incus'];

interface Flavour {
  readonly daemon: string;
  readonly client: 'lxc' | 'incus';
  readonly directoryVariable: string;
  readonly configVariable: string;
  readonly shutdown: readonly string[];
}

/** The names of each daemon, and the variables that set its folders. */
export const FLAVOURS: Readonly<Record<DaemonKind, Flavour>> = {
  lxd: {
    daemon: 'lxd',
    client: 'lxc',
    directoryVariable: 'LXD_DIR',
    configVariable: 'LXD_CONF',
    shutdown: ['lxd', 'shutdown', '--timeout', '30'],
  },
  incus: {
    daemon: '/usr/libexec/incus/incusd',
    client: 'incus',
    directoryVariable: 'INCUS_DIR',
    configVariable: 'INCUS_CONF',
    shutdown: ['incus', 'admin', 'shutdown', '--force', '--timeout', '30'],
  },
};

/** A real daemon, private to one test file, with a `dir` storage pool and no network. */
export interface InstanceDaemon extends AsyncDisposable {
  readonly kind: DaemonKind;
  /** The daemon's folder, with its images and its caches. */
  readonly directory: string;
  /** Runs `lxc` or `incus` with a separate configuration; returns standard output. */
  client(...args: readonly string[]): Promise<string>;
  /** Starts the same command as a process that a test may kill. */
  startClient(...args: readonly string[]): ChildProcess;
  /**
   * Makes the cached indexes of the daemon and the client two hours old. Both read an image
   * server's index again only when the mtime of their copy is at least one hour ago; for the
   * `incus` client it is five minutes (shared/simplestreams/simplestreams.go, cachedDownload).
   */
  letAnHourPass(): Promise<void>;
}

export interface DaemonOptions {
  /** A PEM file with the only certificate authority that daemon and client trust. */
  readonly trust?: string;
}

/**
 * Starts LXD or Incus as root in a fresh folder. The machine must have user namespaces, cgroups of
 * either version, and an entry for root in /etc/subuid and /etc/subgid. It needs neither systemd
 * nor a bridge. It needs AppArmor only where the kernel has it.
 */
export async function startDaemon(
  kind: DaemonKind,
  options: DaemonOptions = {},
): Promise<InstanceDaemon> {
  const flavour = FLAVOURS[kind];
  // The path must be short, because a socket's path has at most 107 bytes. Every user must be able
  // to pass through each folder above a container's root (mkdtemp makes 0700), because the
  // container's root user is an unprivileged user of the host.
  const home = await mkdtemp(join(tmpdir(), `${kind}-`));
  await chmod(home, 0o711);
  const directory = join(home, 'daemon');
  const configuration = join(home, 'client');
  const noCertificates = join(home, 'no-certificates');
  for (const folder of [directory, configuration, noCertificates]) await mkdir(folder);
  const env: NodeJS.ProcessEnv = {
    HOME: configuration,
    [flavour.directoryVariable]: directory,
    [flavour.configVariable]: configuration,
    // Go reads both. The folder is empty, so the file's authority is the only one.
    ...(options.trust && { SSL_CERT_FILE: options.trust, SSL_CERT_DIR: noCertificates }),
    // No proxy of the machine is used between a client and a server on the loopback interface.
    ...Object.fromEntries(PROXY_VARIABLES.map((name) => [name, undefined])),
  };
  const daemon = await launch(flavour, env, home);
  const client = (...args: readonly string[]): Promise<string> =>
    run(flavour.client, args, { env, timeout: 120_000 });
  const stop = async (): Promise<void> => {
    await shutDown(flavour, env, daemon);
    await unmountUnder(home);
    await rm(home, { recursive: true, force: true });
  };
  try {
    await run(flavour.daemon, ['waitready', '--timeout', '60'], { env });
    await client('storage', 'create', 'default', 'dir');
    await client('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default');
  } catch (error) {
    const log = await readFile(join(home, 'log'), 'utf8');
    await stop();
    throw new Error(`${flavour.daemon} did not start. Its log:\n${log}`, { cause: error });
  }
  return {
    kind,
    directory,
    client,
    startClient: (...args) =>
      spawn(flavour.client, args, { env: { ...process.env, ...env }, stdio: 'ignore' }),
    letAnHourPass: async () => {
      await age(join(directory, 'cache'));
      await age(configuration);
    },
    [Symbol.asyncDispose]: stop,
  };
}

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

async function launch(
  flavour: Flavour,
  env: NodeJS.ProcessEnv,
  home: string,
): Promise<ChildProcess> {
  const log = await open(join(home, 'log'), 'w');
  // If this process dies, the kernel sends SIGPWR, and the daemon stops its instances and itself.
  const command = ['--pdeathsig', 'PWR', flavour.daemon, '--group', 'root'];
  const child = spawn('setpriv', command, {
    env: { ...process.env, ...env },
    stdio: ['ignore', log.fd, log.fd],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  }).finally(() => log.close());
  return child;
}

async function shutDown(
  flavour: Flavour,
  env: NodeJS.ProcessEnv,
  daemon: ChildProcess,
): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  const [command, ...args] = flavour.shutdown as [string, ...string[]];
  try {
    await run(command, args, { env, timeout: 60_000 });
  } catch {
    // The daemon does not respond. Instances that it started end when its mounts are removed.
    daemon.kill('SIGKILL');
  }
  await gone;
}

/** Unmounts everything under a folder, because the folder is then removed with its content. */
async function unmountUnder(home: string): Promise<void> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
  for (const point of points.filter((path) => path.startsWith(`${home}/`)).toReversed()) {
    await run('umount', ['--lazy', point]);
  }
}

async function age(folder: string): Promise<void> {
  const then = new Date(Date.now() - 2 * 60 * 60 * 1000);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    },
  );
  for (const entry of entries) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), then, then);
  }
}
