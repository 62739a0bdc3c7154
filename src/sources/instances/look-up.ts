import { clientCommand, projectOf, type InstanceSource } from './configured-remote.ts';
import { call, InstanceServerError, path } from './connection.ts';
import { textOf } from '../../json/is-object.ts';
import { parseImage, type SourceImage } from './images.ts';

/** The meaning of a name on a source. */
export type Named =
  | { readonly kind: 'image'; readonly image: SourceImage }
  /** A stopped instance, or `instance/snapshot`. */
  | { readonly kind: 'instance' };

export interface NameOptions {
  readonly name: string;
  /** The name is an instance or snapshot, even if an image has it too. */
  readonly instance?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the meaning of a name: an alias or an instance, otherwise a fingerprint or the beginning of one.
 * InstanceServerError when nothing has the name, several things have it, or the instance is running.
 */
export async function lookUp(source: InstanceSource, options: NameOptions): Promise<Named> {
  const { name, instance: only = false, signal } = options;
  const target = only ? undefined : await aliasTarget(source, options);
  const instance = isFingerprint(name) ? undefined : await instanceStatus(source, options);
  if (target !== undefined && instance !== undefined) throw ambiguous(source, name, target);
  if (instance !== undefined) {
    if (name.includes('/') || instance === 'Stopped') return { kind: 'instance' };
    throw new InstanceServerError(
      `the instance ${name} is ${instance.toLowerCase()}; stop it with ${clientCommand(source, 'stop', name)}, or take a snapshot of it and publish that, as ${name}/SNAPSHOT`,
    );
  }
  const fingerprint = target ?? (only ? undefined : await byBeginning(source, options));
  if (fingerprint === undefined) throw unknownName(source, name, only);
  const found = path(['images', fingerprint], projectOf(source));
  return { kind: 'image', image: parseImage(await call(source.address, 'GET', found, { signal })) };
}

async function aliasTarget(
  source: InstanceSource,
  { name, signal }: NameOptions,
): Promise<string | undefined> {
  const target = path(['images', 'aliases', name], projectOf(source));
  const alias = await orAbsent(call(source.address, 'GET', target, { signal }));
  return alias === undefined ? undefined : (textOf(alias, 'target') ?? '');
}

/** `Stopped`, `Running`, …; for a snapshot, any text. */
async function instanceStatus(
  source: InstanceSource,
  { name, signal }: NameOptions,
): Promise<string | undefined> {
  const [instance = '', ...snapshot] = name.split('/');
  const names =
    snapshot.length > 0
      ? ['instances', instance, 'snapshots', snapshot.join('/')]
      : ['instances', instance];
  const target = path(names, projectOf(source));
  const found = await orAbsent(call(source.address, 'GET', target, { signal }));
  return found === undefined ? undefined : (textOf(found, 'status') ?? '');
}

/** Searches the list of all images: for an ambiguous beginning, LXD returns any image that matches. */
async function byBeginning(
  source: InstanceSource,
  { name, signal }: NameOptions,
): Promise<string | undefined> {
  if (!/^[0-9a-f]{1,64}$/i.test(name)) return undefined;
  const list = await call(source.address, 'GET', path(['images'], projectOf(source)), { signal });
  const urls: readonly unknown[] = Array.isArray(list) ? list : [];
  const fingerprints = urls.flatMap((url) =>
    typeof url === 'string' ? (/[0-9a-f]{64}/.exec(url) ?? []) : [],
  );
  const [found, ...others] = fingerprints.filter((one) => one.startsWith(name.toLowerCase()));
  if (found === undefined || others.length === 0) return found;
  throw new InstanceServerError(
    `the fingerprints of ${others.length + 1} images begin with ${quoted(name)}: ${[found, ...others.slice(0, 2)].join(', ')}${others.length > 2 ? ' …' : ''}; give more of it`,
  );
}

/** Returns undefined for something that does not exist, or is hidden from this client. */
async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    const hidden = error instanceof InstanceServerError && [403, 404].includes(error.status ?? 0);
    if (hidden) return undefined;
    throw error;
  });
}

function ambiguous(
  { kind, remote }: InstanceSource,
  name: string,
  fingerprint: string,
): InstanceServerError {
  const image = [kind, ...(remote === undefined ? [] : [remote]), fingerprint.slice(0, 12)].join(
    ':',
  );
  return new InstanceServerError(
    `both an image and ${nounOf(name)} are called ${quoted(name)} there; for the image give its fingerprint (--from ${image}), for the other add --instance`,
  );
}

function unknownName(source: InstanceSource, name: string, only: boolean): InstanceServerError {
  const [noun, instances] = [nounOf(name), clientCommand(source, 'list')];
  return new InstanceServerError(
    only
      ? `the source does not have ${noun} ${quoted(name)}; see ${instances}`
      : `the source has neither an image of the alias or fingerprint ${quoted(name)} nor ${noun} of that name; see ${clientCommand(source, 'image list')} and ${instances}`,
  );
}

function nounOf(name: string): string {
  return name.includes('/') ? 'a snapshot' : 'an instance';
}

function isFingerprint(name: string): boolean {
  return /^[0-9a-f]{64}$/i.test(name);
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
