import xz from 'xz-decompress';

import { lend, type Chunks } from '../bytes/borrowed-chunks.ts';

/**
 * Decompresses xz data in this thread. **The decoder serves one stream at a time in a thread**, and other streams
 * wait for it. So `source` must not depend on a slow sender. It reads ahead.
 */
export async function* xzStream(source: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = lend(source);
  const web = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
  const reader: ReadableStreamDefaultReader<Uint8Array> = new xz.XzReadableStream(web).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
    await chunks.return?.();
  }
}
