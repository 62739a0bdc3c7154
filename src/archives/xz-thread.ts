import { on } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

import { threadEnv } from '../hashing/thread-env.ts';
import { lend, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import type { XzResponse, XzRequest } from './xz-worker.ts';

/**
 * Decompresses xz data in its own thread. A slow source delays no other stream, and the work does not block this
 * thread.
 */
export async function* xzThread(
  source: BorrowedChunks,
): AsyncGenerator<Uint8Array, void, undefined> {
  const url = new URL(`./xz-worker${extname(import.meta.url)}`, import.meta.url);
  // The flags of the calling process (--test, --import …) are not for this thread.
  const worker = new Worker(url, { name: 'xz', execArgv: [], env: threadEnv() });
  const send = (request: XzRequest, transfer: readonly ArrayBuffer[] = []) =>
    worker.postMessage(request, transfer);
  const responses = on(worker, 'message', { close: ['exit'] }) as AsyncIterable<[XzResponse]>;
  const chunks = lend(source);
  try {
    send({ kind: 'next' });
    for await (const [response] of responses) {
      if (response.kind === 'done') return;
      if (response.kind === 'fault') throw new Error(response.message);
      if (response.kind === 'output') {
        yield response.bytes;
        send({ kind: 'next' });
      } else {
        const next = await chunks.next();
        if (next.done === true) send({ kind: 'end' });
        else {
          const bytes = new Uint8Array(next.value);
          send({ kind: 'input', bytes }, [bytes.buffer]);
        }
      }
    }
    throw new Error('the thread that decompresses xz ended');
  } finally {
    await worker.terminate();
    await chunks.return?.();
  }
}
