import { Readable } from 'node:stream';

import { isBorrowed, lend, type Chunks } from '../bytes/borrowed-chunks.ts';

/**
 * Gives `use` the chunks of an upload's body, and sees to the body whatever happens: its errors are taken
 * from the start, a stream is destroyed at the end. A cancelled `signal` ends the chunks with the error
 * that `cancelled` makes, even while the body is silent.
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
  // A stream may fail before anyone reads it; whoever then reads gets that error.
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
    // Not awaited: a generator that waits for ever never answers.
    iterator.return?.().catch(() => undefined);
  }
}
