import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';

import { isObject, memberOf } from '../../json/is-object.ts';
import { InstanceServerError, type ServerAddress } from './connection.ts';

export type ServerKind = 'lxd' | 'incus';
type Env = Readonly<Record<string, string | undefined>>;

/** A server that images are copied from, and its name in the client's configuration. */
export interface InstanceSource {
  readonly kind: ServerKind;
  /** Absent for the server of this machine. */
  readonly remote?: string;
  readonly address: ServerAddress;
  /** The remote's default project, if its configuration has one. */
  readonly project?: string;
}

/** Returns the query parameters that select the project. */
export function projectOf({ project }: InstanceSource): Readonly<Record<string, string>> {
  return project === undefined ? {} : { project };
}

/** Returns a command for the user to copy, in backquotes: `lxc image delete far:NAME`. */
export function clientCommand(
  { kind, remote, project }: InstanceSource,
  verb: string,
  name = '',
): string {
  const operand = `${remote === undefined ? '' : `${remote}:`}${name}`;
  const words = [
    clientOf(kind),
    verb,
    operand,
    project === undefined ? '' : `--project ${project}`,
  ];
  return `\`${words.filter(Boolean).join(' ')}\``;
}

/**
 * Finds a server in the `lxc` or `incus` configuration of this user; without a remote's name, the server on this
 * machine. Also reads the client's and the server's certificates from there (shared/cliconfig/config.go,
 * lxc/config/remote.go). InstanceServerError when there is none.
 */
export async function instanceSource(
  kind: ServerKind,
  remote: string | undefined,
  env: Env,
): Promise<InstanceSource> {
  if (remote === undefined || remote === 'local') {
    const local = await configured(kind, 'local', env);
    return { kind, ...projectIn(local?.found), address: await localSocket(kind, env) };
  }
  const { folder, found } =
    (await configured(kind, remote, env)) ?? unknownRemote(kind, remote, env);
  const { addr, protocol } = found;
  if (typeof addr !== 'string')
    throw new InstanceServerError(`${remote} has no address in ${folder}`);
  if (protocol === 'simplestreams') {
    throw new InstanceServerError(
      `${remote} is a simplestreams server; take images from it with \`bucketstreams pull\``,
    );
  }
  const named = { kind, remote, ...projectIn(found) };
  if (addr.startsWith('unix:')) {
    const socketPath = addr.replace(/^unix:(\/\/)?/, '');
    return { ...named, address: socketPath ? { socketPath } : await localSocket(kind, env) };
  }
  const certificate = await contentsOf(join(folder, 'servercerts', `${remote}.crt`));
  const cert = await contentsOf(join(folder, 'client.crt'));
  const key = await contentsOf(join(folder, 'client.key'));
  return {
    ...named,
    address: {
      url: addr,
      ...(certificate !== undefined && { certificate }),
      ...(cert !== undefined && key !== undefined && { client: { cert, key } }),
    },
  };
}

interface ConfiguredRemote {
  readonly folder: string;
  readonly found: Readonly<Record<string, unknown>>;
}

async function configured(
  kind: ServerKind,
  name: string,
  env: Env,
): Promise<ConfiguredRemote | undefined> {
  for (const folder of configFolders(kind, env)) {
    const text = await contentsOf(join(folder, 'config.yml'));
    if (text === undefined) continue;
    const found = memberOf(memberOf(parsed(text, folder), 'remotes'), name);
    if (isObject(found) && Object.keys(found).length > 0) return { folder, found };
  }
  return undefined;
}

function unknownRemote(kind: ServerKind, name: string, env: Env): never {
  throw new InstanceServerError(
    `${kind} has no remote "${name}" in ${configFolders(kind, env).join(' or ')}; see \`${clientOf(kind)} remote list\``,
  );
}

function projectIn(remote: Readonly<Record<string, unknown>> = {}): { readonly project?: string } {
  const { project } = remote;
  return typeof project === 'string' && project !== '' ? { project } : {};
}

function clientOf(kind: ServerKind): string {
  return kind === 'lxd' ? 'lxc' : 'incus';
}

function parsed(text: string, folder: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new InstanceServerError(`${folder}/config.yml is no YAML`, { cause: error });
  }
}

/** Returns the folders of the clients' configuration, in order of preference. */
function configFolders(kind: ServerKind, env: Env): string[] {
  const given = env[`${kind.toUpperCase()}_CONF`];
  if (given) return [given];
  const home = env['HOME'] ?? homedir();
  const config = env['XDG_CONFIG_HOME'] ?? join(home, '.config');
  if (kind === 'incus') return [join(config, 'incus')];
  return [join(config, 'lxc'), join(home, 'snap/lxd/common/config')];
}

async function localSocket(kind: ServerKind, env: Env): Promise<ServerAddress> {
  const candidates = socketCandidates(kind, env);
  for (const socketPath of candidates) {
    const there = await stat(socketPath).catch(() => undefined);
    if (there?.isSocket()) return { socketPath };
  }
  throw new InstanceServerError(
    `no ${kind} listens at ${candidates.join(' or ')}; start it, or name its socket with ${kind.toUpperCase()}_SOCKET`,
  );
}

/**
 * Returns the possible sockets of a local LXD or Incus, from its environment and its packages. The first existing
 * one is used.
 */
function socketCandidates(kind: ServerKind, env: Env): string[] {
  const name = kind.toUpperCase();
  const socket = env[`${name}_SOCKET`];
  const folder = env[`${name}_DIR`];
  if (socket) return [socket];
  if (folder) return [`${folder}/unix.socket`];
  return kind === 'lxd'
    ? ['/var/snap/lxd/common/lxd/unix.socket', '/var/lib/lxd/unix.socket']
    : ['/run/incus/unix.socket', '/var/lib/incus/unix.socket'];
}

/** Returns undefined when the file does not exist. */
async function contentsOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
}
