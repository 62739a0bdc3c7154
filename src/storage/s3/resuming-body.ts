import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { isStoreError } from '../errors.ts';
import { s3Failure, type S3Context } from './errors.ts';

/** When and how often a body is continued after its connection broke. */
export interface ResumeLimits {
  /** The greatest number of attempts in a row that bring no byte. */
  readonly attempts: number;
  /** Milliseconds before the first attempt, on average. Each further pause is twice as long, up to 5 s. */
  readonly pauseMs: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly stallMs: number;
}

export const S3_RESUME_LIMITS: ResumeLimits = { attempts: 5, pauseMs: 200, stallMs: 30_000 };

export interface BodyOptions {
  readonly first: Readable;
  /** Bytes. */
  readonly length: number;
  /** Opens the body from `offset` on, in the same state of the object as `first`. Rejects with a StoreError. */
  readonly reopen: (offset: number, signal: AbortSignal) => Promise<Readable>;
  readonly limits: ResumeLimits;
  readonly context: S3Context;
  readonly signal?: AbortSignal | undefined;
}

const BUFFERED = 1024 * 1024;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Returns a response's body of exactly `length` bytes, each once. If the connection breaks or stalls, the body
 * opens another connection from that byte, as soon as the reader wants more. Its errors are StoreErrors.
 */
export function resumingBody(options: BodyOptions): Readable {
  return new ResumingBody(options);
}

class ResumingBody extends Readable {
  readonly #options: BodyOptions;
  #source: Readable | undefined;
  #received = 0;
  /** True if the reader wants more bytes. Otherwise the source is paused, and no timeout applies. */
  #wanted = false;
  #reopening = false;
  #attemptsHere = 0;
  #failure: unknown;
  readonly #silence: NodeJS.Timeout;
  /** Aborts the attempts to open another connection. */
  #gone: AbortController | undefined;
  readonly #cancel = () => {
    const { context, signal } = this.#options;
    this.destroy(s3Failure('unavailable', context, 'it was cancelled.', signal?.reason));
  };

  constructor(options: BodyOptions) {
    super({ highWaterMark: BUFFERED });
    const { first, limits, signal } = options;
    this.#options = options;
    // Unreferenced: the connection itself keeps the process alive while it is open.
    this.#silence = setTimeout(() => this.#onSilence(), limits.stallMs).unref();
    this.#attach(first);
    if (signal?.aborted === true) this.#cancel();
    else signal?.addEventListener('abort', this.#cancel, { once: true });
  }

  override _read(): void {
    this.#wanted = true;
    this.#silence.refresh();
    if (this.#source !== undefined) this.#source.resume();
    else if (!this.#reopening) void this.#reopen();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#options.signal?.removeEventListener('abort', this.#cancel);
    clearTimeout(this.#silence);
    this.#gone?.abort();
    const source = this.#source;
    this.#source = undefined;
    source?.destroy();
    done(error);
  }

  #attach(source: Readable): void {
    this.#source = source;
    source.pause();
    source.on('data', (chunk: Uint8Array) => {
      // An abandoned source may still emit data.
      if (source !== this.#source) return;
      this.#attemptsHere = 0;
      this.#received += chunk.length;
      this.#silence.refresh();
      this.#wanted = this.push(chunk);
      if (!this.#wanted) source.pause();
    });
    source.on('error', (error) => this.#onEnd(source, error));
    source.on('end', () => this.#onEnd(source));
    source.on('close', () => this.#onEnd(source));
    this.#silence.refresh();
    if (this.#wanted) source.resume();
  }

  #onSilence(): void {
    if (this.#source === undefined || !this.#wanted) return;
    const seconds = this.#options.limits.stallMs / 1000;
    this.#onEnd(this.#source, new Error(`nothing came for ${seconds} s`));
  }

  #onEnd(source: Readable, failure?: unknown): void {
    if (source !== this.#source) return;
    this.#source = undefined;
    source.destroy();
    const { length, context } = this.#options;
    if (this.#received === length) {
      this.push(null);
      return;
    }
    if (this.#received > length) {
      const reason = `the server sent more than the ${length} bytes that it announced. Try again.`;
      this.destroy(s3Failure('unavailable', context, reason));
      return;
    }
    this.#failure = failure;
    if (this.#wanted) void this.#reopen();
  }

  async #reopen(): Promise<void> {
    this.#reopening = true;
    try {
      const source = await this.#nextSource();
      // The body was destroyed in the meantime, so the new source is closed and its errors are ignored.
      if (this.destroyed) source.on('error', () => undefined).destroy();
      else this.#attach(source);
    } catch (error) {
      this.destroy(error as Error);
    } finally {
      this.#reopening = false;
    }
  }

  async #nextSource(): Promise<Readable> {
    const { limits, length, context, reopen } = this.#options;
    const { signal } = (this.#gone ??= new AbortController());
    while (this.#attemptsHere < limits.attempts) {
      const pause = Math.min(limits.pauseMs * 2 ** this.#attemptsHere, LONGEST_PAUSE_MS);
      await delay(pause * (0.5 + Math.random()), undefined, { signal });
      this.#attemptsHere += 1;
      try {
        return await reopen(this.#received, signal);
      } catch (error) {
        if (!isStoreError(error, 'unavailable')) throw error;
        this.#failure = error;
      }
    }
    const reason = `the connection broke off after ${this.#received} of ${length} bytes, and ${limits.attempts} tries to go on from there failed. Try again.`;
    throw s3Failure('unavailable', context, reason, this.#failure);
  }
}
