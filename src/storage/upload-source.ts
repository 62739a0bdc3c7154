import { Readable } from 'node:stream';

import { isBorrowed, lend, type Chunks } from '../bytes/borrowed-chunks.ts';

/**
 * Calls `use` with the chunks of an upload's body. Handles the body's errors from the start, and destroys a
 * stream at the end in every case. When `signal` is aborted, the chunks end with the error that `cancelled`
 * returns, even if the body sends nothing.
 */
export async function withSource<T>(
  body: Readable | Chunks,
  signal: AbortSignal | undefined,
  cancelled: () => Error,
  use: (chunks: AsyncIterable<unknown>) => Promise<T>,
): Promise<T> {
  const chunks: AsyncIterable<unknown> = isBorrowed(body)
    ? { [Symbol.asyncIterator]: () => lend(body) }
    : body;
  // A stream may fail before it is read. Without a listener that ends the process; the reader gets the error later.
  if (body instanceof Readable) body.on('error', () => undefined);
  try {
    if (signal === undefined) return await use(chunks);
    if (signal.aborted) throw cancelled();
    return await use(cancellable(chunks, signal, cancelled));
  } finally {
    if (body instanceof Readable) body.destroy();
  }
}

async function* cancellable(
  body: AsyncIterable<unknown>,
  signal: AbortSignal,
  cancelled: () => Error,
): AsyncGenerator {
  const iterator = body[Symbol.asyncIterator]();
  let stop: ((error: Error) => void) | undefined;
  const onAbort = () => stop?.(cancelled());
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      if (signal.aborted) throw cancelled();
      const { promise, resolve, reject } =
        Promise.withResolvers<IteratorResult<unknown, unknown>>();
      stop = reject;
      iterator.next().then(resolve, reject);
      const result = await promise;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: this promise never settles if the generator waits for ever.
    iterator.return?.().catch(() => undefined);
  }
}
