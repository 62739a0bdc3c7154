import { spawn } from 'node:child_process';
import { copyFile, mkdir, open, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type CommandOptions } from './command.ts';
import { eventually } from './eventually.ts';
import { temporaryFolder } from './temporary.ts';
import { goProgram } from './tools.ts';

/** A Docker engine with a separate network. Its disposal leaves nothing behind. */
export interface DockerEngine extends AsyncDisposable {
  /** Runs `docker …` with the compose plugin; returns standard output. */
  docker(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs a command in the network namespace where the containers publish their ports. */
  inside(command: string, args: readonly string[], options?: CommandOptions): Promise<string>;
}

/**
 * Starts an engine as root. It lives in a network namespace, so its ports block no other program,
 * and its bridges and packet filter rules are deleted with it. It shares nothing with another
 * engine on the machine.
 */
export async function startDocker(): Promise<DockerEngine> {
  const resources = new AsyncDisposableStack();
  const home = resources.use(await temporaryFolder()).path;
  const socket = `unix://${join(home, 'socket')}`;
  const plugins = join(home, 'client/cli-plugins');
  await mkdir(plugins, { recursive: true });
  await symlink(goProgram('docker-compose'), join(plugins, 'docker-compose'));
  const log = await open(join(home, 'log'), 'w');
  // unshare and setpriv exec the engine, so the engine is this child. It ends when this process
  // ends.
  const engine = spawn(
    'unshare',
    [
      ...['--net', 'setpriv', '--pdeathsig', 'TERM', '--', 'sh', '-c'],
      'ip link set lo up && exec dockerd "$@"',
      ...['dockerd', '--host', socket, '--data-root', join(home, 'data')],
      ...['--exec-root', join(home, 'run'), '--pidfile', join(home, 'pid')],
    ],
    { stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const ended = new Promise<void>((resolve) => {
    engine.once('exit', () => resolve());
    engine.once('error', () => resolve());
  });
  resources.defer(async () => {
    engine.kill('SIGTERM');
    await ended;
  });
  const docker = (args: readonly string[], options: CommandOptions = {}): Promise<string> =>
    run('docker', args, {
      timeout: 600_000,
      ...options,
      env: { DOCKER_HOST: socket, DOCKER_CONFIG: join(home, 'client'), ...options.env },
    });
  try {
    await eventually(async () => {
      if (engine.exitCode !== null || engine.pid === undefined) return 'ended';
      await docker(['version']);
      return 'started';
    });
    await docker(['version']);
  } catch (error) {
    const text = await readFile(join(home, 'log'), 'utf8');
    await resources.disposeAsync();
    throw new Error(`dockerd did not start. Its log:\n${text}`, { cause: error });
  }
  const target = ['--target', String(engine.pid), '--net', '--'];
  return {
    docker,
    inside: (command, args, options) => run('nsenter', [...target, command, ...args], options),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/**
 * Copies a program of this machine, with the shared libraries that it loads, into an image's root.
 */
export async function copyProgram(program: string, root: string, target: string): Promise<void> {
  const loaded = await run('ldd', [program]);
  const libraries = [...loaded.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  for (const [from, to] of [[program, target], ...libraries.map((path) => [path, path])] as [
    string,
    string,
  ][]) {
    await mkdir(join(root, to, '..'), { recursive: true });
    await copyFile(from, join(root, to));
  }
}
