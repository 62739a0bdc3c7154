import { on } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

import { threadEnv } from '../hashing/thread-env.ts';
import { lend, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import type { XzResponse, XzRequest } from './xz-worker.ts';

/**
 * The bytes inside xz data, decompressed by a thread of its own: a slow source holds nobody else up, and the
 * work does not keep this thread from others.
 */
export async function* xzThread(
  source: BorrowedChunks,
): AsyncGenerator<Uint8Array, void, undefined> {
  const url = new URL(`./xz-worker${extname(import.meta.url)}`, import.meta.url);
  // The flags of the calling process (--test, --import …) are not meant for this thread.
  const worker = new Worker(url, { name: 'xz', execArgv: [], env: threadEnv() });
  const tell = (request: XzRequest, transfer: readonly ArrayBuffer[] = []) =>
    worker.postMessage(request, transfer);
  const answers = on(worker, 'message', { close: ['exit'] }) as AsyncIterable<[XzResponse]>;
  const chunks = lend(source);
  try {
    tell({ kind: 'next' });
    for await (const [answer] of answers) {
      if (answer.kind === 'done') return;
      if (answer.kind === 'fault') throw new Error(answer.message);
      if (answer.kind === 'output') {
        yield answer.bytes;
        tell({ kind: 'next' });
      } else {
        const next = await chunks.next();
        if (next.done === true) tell({ kind: 'end' });
        else {
          const bytes = new Uint8Array(next.value);
          tell({ kind: 'input', bytes }, [bytes.buffer]);
        }
      }
    }
    throw new Error('the thread that decompresses xz ended');
  } finally {
    await worker.terminate();
    await chunks.return?.();
  }
}
