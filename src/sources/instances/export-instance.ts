import { clientCommand, projectOf, type InstanceSource } from './configured-remote.ts';
import { call, InstanceServerError, path } from './connection.ts';
import { textOf } from '../../json/is-object.ts';
import { begin, endOf, type Ending } from './operation.ts';
import { parseImage, type SourceImage } from './images.ts';
import { errorText } from '../../log/error-text.ts';
import { LeftBehindError } from './left-behind.ts';

/** The image that a source made of an instance or snapshot. */
export interface InstanceImage {
  readonly image: SourceImage;
  /** Restores the source: deletes the image, unless it existed before. LeftBehindError when that fails. */
  readonly release: () => Promise<void>;
}

/**
 * Makes the source create an image of a stopped instance, or of `instance/snapshot`. When the signal aborts, this
 * rejects after the source is restored.
 */
export async function imageOfInstance(
  source: InstanceSource,
  name: string,
  signal?: AbortSignal,
): Promise<InstanceImage> {
  const { address } = source;
  const query = projectOf(source);
  const type = name.includes('/') ? 'snapshot' : 'instance';
  signal?.throwIfAborted();
  const id = await begin(address, 'POST', path(['images'], query), { source: { type, name } });
  const ending = await endOf(address, id, query, signal).catch(async (error: unknown) => {
    await unmake(source, name, id);
    throw error;
  });
  const { fingerprint, ours } = resultOf(ending, name);
  const release = async () => (ours ? remove(source, fingerprint) : undefined);
  try {
    const image = await call(address, 'GET', path(['images', fingerprint], query), { signal });
    return { image: parseImage(image), release };
  } catch (error) {
    await release();
    throw error;
  }
}

interface Result {
  readonly fingerprint: string;
  /** True when this call created the image. */
  readonly ours: boolean;
}

function resultOf(ending: Ending, name: string): Result {
  if (ending.kind === 'done') {
    return { fingerprint: textOf(ending.metadata, 'fingerprint') ?? '', ours: true };
  }
  const [, there] = /image already exists: ([0-9a-f]{64})/i.exec(ending.reason) ?? [];
  if (there !== undefined) return { fingerprint: there, ours: false };
  throw new InstanceServerError(`${name} cannot be made an image: ${ending.reason}`);
}

/** Waits for the image and deletes it: neither LXD nor Incus can cancel its creation. */
async function unmake(source: InstanceSource, name: string, id: string): Promise<void> {
  const ending = await endOf(source.address, id, projectOf(source)).catch((error: unknown) => {
    throw new LeftBehindError(
      `the source was making an image of ${name}, and may have it still (${errorText(error)}); look with ${clientCommand(source, 'image list')}`,
      { cause: error },
    );
  });
  if (ending.kind === 'failed') return;
  await remove(source, resultOf(ending, name).fingerprint);
}

async function remove(source: InstanceSource, fingerprint: string): Promise<void> {
  const { address } = source;
  const query = projectOf(source);
  try {
    const id = await begin(address, 'DELETE', path(['images', fingerprint], query));
    const ending = await endOf(address, id, query);
    if (ending.kind === 'failed') throw new InstanceServerError(ending.reason);
  } catch (error) {
    if (error instanceof InstanceServerError && error.status === 404) return;
    throw new LeftBehindError(
      `the image ${fingerprint} that was made for it on the source is there still (${errorText(error)}); delete it with ${clientCommand(source, 'image delete', fingerprint)}`,
      { cause: error },
    );
  }
}
