import { Transform, type Readable } from 'node:stream';
import { s3Error, s3Failure, type S3Context } from './s3-errors.ts';

const BUFFERED = 1024 * 1024;

/** A response's body that errors, as a StoreError, unless exactly `length` bytes come. */
export function bodyStream(
  source: Readable,
  length: number,
  context: S3Context,
  signal: AbortSignal | undefined,
): Readable {
  let received = 0;
  const stream = new Transform({
    highWaterMark: BUFFERED,
    transform(chunk: Uint8Array, _encoding, done) {
      received += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      if (received === length) {
        done();
        return;
      }
      const reason = `the connection broke off after ${received} of ${length} bytes. Try again.`;
      done(s3Failure('unavailable', context, reason));
    },
    destroy(error, done) {
      signal?.removeEventListener('abort', cancel);
      source.destroy();
      done(error);
    },
  });
  function cancel(): void {
    stream.destroy(s3Failure('unavailable', context, 'it was cancelled.', signal?.reason));
  }
  source.on('error', (error) => stream.destroy(s3Error(error, context)));
  source.pipe(stream);
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return stream;
}
