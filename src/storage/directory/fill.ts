import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { directoryError, failure, type DirectoryContext } from './errors.ts';
import { StoreError } from '../errors.ts';
import type { UploadOptions } from '../object-store.ts';
import { errorText } from '../../log/error-text.ts';

/**
 * Writes all of `body` to an empty file. A gzipped body is stored decoded: the encoding is for transport only,
 * and other programs expect the content that a file's name promises.
 * A StoreError of the body is rethrown unchanged, because the body may be a read from another store.
 */
export async function fill(
  handle: FileHandle,
  body: AsyncIterable<unknown>,
  context: DirectoryContext,
  { contentEncoding, onProgress }: Pick<UploadOptions, 'contentEncoding' | 'onProgress'>,
): Promise<void> {
  let stored = 0;
  async function store(chunks: AsyncIterable<unknown>): Promise<void> {
    for await (const chunk of chunks) {
      if (!(chunk instanceof Uint8Array)) {
        throw failure('unsupported', context, 'the body is not made of bytes.');
      }
      await writeAll(handle, chunk).catch((error: unknown) => {
        throw directoryError(error, context);
      });
      stored += chunk.length;
      onProgress?.(stored);
    }
  }
  try {
    if (contentEncoding === 'gzip') await pipeline(copies(body), createGunzip(), store);
    else await store(body);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const message = errorText(error);
    throw failure('unavailable', context, `the data to store broke off: ${message}.`, error);
  }
}

/** Copies each chunk: a decompressor reads ahead, and a borrowed chunk is valid only until the next one. */
async function* copies(body: AsyncIterable<unknown>): AsyncGenerator {
  for await (const chunk of body) yield chunk instanceof Uint8Array ? Buffer.from(chunk) : chunk;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done);
    done += bytesWritten;
  }
}
