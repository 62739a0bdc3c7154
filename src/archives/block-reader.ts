import { lend, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import { TarError } from './tar-error.ts';

/** Cuts a stream of chunks into the lengths that are asked for. Rejects with TarError after `limit` bytes. */
export class BlockReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  #chunk: Buffer = Buffer.alloc(0);
  #passed = 0;

  constructor(body: BorrowedChunks, limit: number) {
    this.#source = lend(body);
    this.#limit = limit;
  }

  /** `length` bytes, or undefined at the exact end. */
  async take(length: number): Promise<Buffer | undefined> {
    if (this.#chunk.length === 0 && !(await this.#fill())) return undefined;
    return this.need(length);
  }

  async need(length: number): Promise<Buffer> {
    const first = await this.piece(length);
    if (first.length === length) return first;
    // A chunk holds only until the next is asked for.
    const whole = Buffer.alloc(length);
    for (let done = first.copy(whole); done < length;) {
      done += (await this.piece(length - done)).copy(whole, done);
    }
    return whole;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.piece(left)).length;
  }

  /** From one byte on to as many as are there, `length` at most; none only when none are asked for. */
  async piece(length: number): Promise<Buffer> {
    if (length > 0 && this.#chunk.length === 0 && !(await this.#fill())) {
      throw new TarError('it ends in the middle of an entry');
    }
    const piece = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      const { buffer, byteOffset, byteLength } = next.value;
      this.#passed += byteLength;
      if (this.#passed > this.#limit) {
        throw new TarError(`it is larger than ${this.#limit} bytes when decompressed`);
      }
      this.#chunk = Buffer.from(buffer, byteOffset, byteLength);
      if (byteLength > 0) return true;
    }
  }
}
