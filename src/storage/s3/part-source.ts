import { isStoreError } from '../errors.ts';
import { s3Failure, type S3Context } from './errors.ts';
import { errorText } from '../../log/error-text.ts';

/** S3's limit for the parts of one upload. */
export const MAX_PARTS = 10_000;
const PIECE = 256 * 1024;

/** Reads an upload's body in pieces. Its errors are StoreErrors. */
export class PartSource {
  /** Bytes read so far. */
  bytes = 0;
  readonly #chunks: AsyncIterator<unknown>;
  readonly #context: S3Context;
  /** The bytes of the last chunk that did not fit into a piece. The chunk is borrowed. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<unknown>, context: S3Context) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#context = context;
  }

  /**
   * Yields the body in pieces, for an uploader that joins them to parts of `partSize` bytes. The memory of a
   * piece is used again after one more part and one more piece. The uploader has copied it by then.
   */
  async *pieces(partSize: number): AsyncGenerator<Uint8Array> {
    const pool: Uint8Array[] = [];
    const most = Math.ceil(partSize / PIECE) + 2;
    for (let n = 0; ; n += 1) {
      const memory = (pool[n % most] ??= Buffer.allocUnsafeSlow(PIECE));
      const length = await this.#fill(memory);
      if (length === 0) return;
      if (this.bytes > partSize * MAX_PARTS) throw this.#tooLarge(partSize);
      yield memory.subarray(0, length);
    }
  }

  #tooLarge(partSize: number): Error {
    const reason = `it is larger than ${MAX_PARTS} parts of ${partSize} bytes. Give its size in advance.`;
    return s3Failure('unsupported', this.#context, reason);
  }

  /**
   * Fills `part` from its start. Resolves to the number of bytes, which is less than its length only at the
   * body's end.
   */
  async #fill(part: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < part.byteLength && (await this.#hasMore())) {
      const piece = this.#rest.subarray(0, part.byteLength - filled);
      part.set(piece, filled);
      filled += piece.byteLength;
      this.#rest = this.#rest.subarray(piece.byteLength);
    }
    this.bytes += filled;
    return filled;
  }

  /** Closes the body. Call it when no more pieces are needed. */
  close(): void {
    // Not awaited: this promise never settles if the generator waits for ever.
    this.#chunks.return?.().catch(() => undefined);
  }

  async #hasMore(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#next();
      if (done === true) return false;
      if (!(value instanceof Uint8Array)) {
        throw s3Failure('unsupported', this.#context, 'the body is not made of bytes.');
      }
      this.#rest = value;
    }
    return true;
  }

  async #next(): Promise<IteratorResult<unknown, unknown>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      if (isStoreError(error)) throw error;
      const why = errorText(error);
      throw s3Failure('unavailable', this.#context, `the data to store broke off: ${why}.`, error);
    }
  }
}
