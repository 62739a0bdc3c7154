import { createGunzip } from 'node:zlib';
import type { Hasher } from '../../images/digests.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { PipelineError } from '../errors.ts';
import { assertStoreIsThere } from '../documents/store-presence.ts';
import { verifyPublic, type Verification } from './verify-public.ts';
import { type PublicSource } from '../../simplestreams/public-source.ts';

/**
 * Reads every byte that a store's public files name, and compares sizes, digests and fingerprints. Rejects
 * when the store or its public files cannot be read.
 */
export async function verifyStore(
  store: ObjectStore,
  hasher: Hasher,
  onProgress?: (bytes: number, total: number, path: string) => void,
): Promise<Verification> {
  try {
    return await verifyPublic(publicSource(store), hasher, onProgress);
  } catch (error) {
    if (!isStoreError(error, 'not_found')) throw error;
    await assertStoreIsThere(store);
    throw new PipelineError(
      'streams_absent',
      `${store.url} has no public files: run \`bucketstreams update\` to write them.`,
      { cause: error },
    );
  }
}

function publicSource(store: ObjectStore): PublicSource {
  return {
    url: store.url,
    async open(path) {
      const { stream, contentEncoding } = await store.read(path);
      if (contentEncoding !== 'gzip') return stream;
      const plain = createGunzip();
      stream.on('error', (error) => plain.destroy(error));
      return stream.pipe(plain);
    },
  };
}
