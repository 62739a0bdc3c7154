import type { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { borrowed, type BorrowedChunks } from './borrowed-chunks.ts';

/** Bytes of bodies between two collections of young garbage. */
const EVERY = 4 * 1024 * 1024;
/** Bytes of each of the two memories. The reader has one while the other is filled. */
const CAPACITY = 1024 * 1024;
/** Milliseconds after which a reader gets a chunk that is not full. */
const MAX_WAIT_MS = 20;

/**
 * Gathers the bytes of a stream in few large chunks, in two memories that are used in turn. A connection gives
 * chunks of 16 KiB. Hashing and writing these one by one costs more time and memory than the bytes themselves.
 * If the reader ends early, the stream is destroyed, or paused with `keep`. Rejects with the stream's error, or if
 * the stream closes before its end.
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
  /** Pieces that do not fit into the memory until the reader asks for the next chunk. */
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
    if (this.#length === 0) await this.#waitForBytes();
    if (this.#length < CAPACITY) await this.#waitForBytes(MAX_WAIT_MS);
    // The bytes received before the connection broke are useless without the rest.
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

  /** Resolves when a first piece arrives, the memory is full, the stream ends, or `timeoutMs` passes. */
  async #waitForBytes(timeoutMs?: number): Promise<void> {
    if (this.#error || this.#ended) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }
}

function closedEarly(): Error {
  return new Error('the connection was closed before all had come');
}

/*
 * The bytes of bodies are outside V8's heap, and belong to small objects in its young generation. V8 collects
 * that generation when the objects fill it, and does not count the bytes. So 50 MB of bytes accumulate until a
 * collection of the whole heap, which costs ten times as much. All flags against this are in this file.
 * (`--max-semi-space-size=1` alone would be enough, but V8 reads it only from the command line.)
 */

let collect: ((options: { readonly type: 'minor' }) => void) | undefined;
let passed = 0;

/**
 * Keeps V8's young generation at its initial 2 MB; by default it grows to 64 MB. For a process that transfers
 * bodies all the time.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Passes a body on, and makes V8 collect its young generation every few MB, which takes less than a millisecond.
 * For bodies whose chunks (or the pieces of these) are garbage when the next chunk is requested.
 */
export function collecting(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    // Not a generator: its `return` would wait for a pending `next`, and that waits for the sender.
    [Symbol.asyncIterator]: () => {
      const source = body[Symbol.asyncIterator]();
      let garbage = 0;
      return {
        next: async () => {
          collectAfter(garbage);
          garbage = 0;
          const next = await source.next();
          if (next.done !== true) garbage = next.value.byteLength;
          return next;
        },
        return: async () => {
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function collectAfter(bytes: number): void {
  passed += bytes;
  if (passed < EVERY) return;
  passed = 0;
  collect ??= minorCollection();
  collect({ type: 'minor' });
}

function minorCollection(): (options: { readonly type: 'minor' }) => void {
  // Only contexts that are created after this flag have `gc`.
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function'
    ? (found as (options: { readonly type: 'minor' }) => void)
    : () => undefined;
}
