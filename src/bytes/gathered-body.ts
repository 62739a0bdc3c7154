import type { Readable } from 'node:stream';

import { borrowed, type BorrowedChunks } from './borrowed-chunks.ts';
import { collecting } from './young-heap.ts';

/** Bytes of a memory. The reader has one while the other is filled. */
const CAPACITY = 1024 * 1024;
/** Milliseconds after which a reader gets a chunk that is not full. */
const PATIENCE = 20;

/**
 * The bytes of a stream in few large chunks, in two memories that are used in turn. Connections give 16 KiB at a
 * time; these cost more time and memory than the bytes in them when they are hashed and written one by one. A
 * reader that ends early destroys the stream, or with `keep` leaves it paused. Rejects with the stream's error,
 * or when it closes before its end.
 */
export function gatheredBody(
  source: Readable,
  { keep = false }: { readonly keep?: boolean } = {},
): BorrowedChunks {
  return borrowed(collecting({ [Symbol.asyncIterator]: () => new Gathering(source, keep) }));
}

class Gathering implements AsyncIterator<Uint8Array, undefined> {
  readonly #source: Readable;
  readonly #keep: boolean;
  #filling: Buffer | undefined;
  #spare: Buffer | undefined;
  #length = 0;
  /** Pieces for which neither memory has room until the reader asks on. */
  #excess: Buffer[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(source: Readable, keep: boolean) {
    this.#source = source;
    this.#keep = keep;
    if (source.readableEnded) this.#ended = true;
    else if (source.destroyed) this.#error = source.errored ?? closedEarly();
    else {
      source.on('error', this.#onError).on('close', this.#onClose).on('end', this.#onEnd);
      source.on('data', this.#onData);
    }
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#length === 0) await this.#moment();
    if (this.#length < CAPACITY) await this.#moment(PATIENCE);
    // The bytes before a connection broke are of no use without the rest.
    if (this.#error) throw this.#error;
    if (this.#length === 0 || !this.#filling) return { done: true, value: undefined };
    const value = this.#filling.subarray(0, this.#length);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#length = 0;
    for (const piece of this.#excess.splice(0)) this.#take(piece);
    if (this.#excess.length === 0 && !this.#ended) this.#source.resume();
    return { done: false, value };
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#ended = true;
    this.#length = 0;
    this.#excess = [];
    this.#source.off('data', this.#onData).off('end', this.#onEnd).pause();
    if (!this.#keep) this.#source.destroy();
    this.#wake?.();
    return Promise.resolve({ done: true, value: undefined });
  }

  readonly #onData = (piece: Buffer): void => {
    const first = this.#length === 0;
    this.#take(piece);
    if (this.#excess.length > 0) this.#source.pause();
    if (first || this.#length === CAPACITY) this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };
  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.#wake?.();
  };
  readonly #onClose = (): void => {
    if (!this.#ended) this.#error ??= closedEarly();
    this.#wake?.();
  };

  #take(piece: Buffer): void {
    this.#filling ??= Buffer.allocUnsafeSlow(CAPACITY);
    const taken = piece.copy(this.#filling, this.#length);
    this.#length += taken;
    if (taken < piece.length) this.#excess.push(piece.subarray(taken));
  }

  /** Until something comes, a memory is full, all is over, or `patience` milliseconds have passed. */
  async #moment(patience?: number): Promise<void> {
    if (this.#error || this.#ended) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (patience !== undefined) timer = setTimeout(resolve, patience);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

function closedEarly(): Error {
  return new Error('the connection was closed before all had come');
}
