import { borrowed, lend, type BorrowedChunks, type Chunks } from '../../bytes/borrowed-chunks.ts';
import { ClientGoneError } from './client-gone.ts';
import { GatewayError } from './responses.ts';

export interface BodyLimits {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds without a byte after which an upload is rejected. */
  readonly idle: number;
  /** Bytes a second below which an upload is rejected. Measured over each `idle` milliseconds of waiting for it. */
  readonly rate: number;
}

/**
 * Yields the bytes of a body as they arrive. Fails with GatewayError when the body is too long, or its sender too
 * slow. Only time spent waiting for the sender counts: a slow store is not the sender's fault.
 */
export function guardedBody(body: Chunks, limits: BodyLimits): BorrowedChunks {
  return borrowed(guarded(body, limits));
}

async function* guarded(
  body: Chunks,
  { size, idle, rate }: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = lend(body);
  let passed = 0;
  const window = { waited: 0, bytes: 0 };
  try {
    for (;;) {
      const asked = performance.now();
      const next = await withDeadline(source.next(), idle);
      window.waited += performance.now() - asked;
      if (next.done === true) return;
      window.bytes += next.value.byteLength;
      passed += next.value.byteLength;
      if (passed > size) throw new GatewayError(413, `the image is larger than ${size} bytes`);
      if (window.waited >= idle) {
        if (window.bytes < (rate * window.waited) / 1000) throw tooSlow(rate);
        window.waited = window.bytes = 0;
      }
      yield next.value;
    }
  } finally {
    // Not awaited: a generator that waits for its next chunk returns only after it.
    void source.return?.().catch(() => undefined);
  }
}

function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new GatewayError(408, `nothing came for ${ms / 1000} s: the upload was given up`));
  }, ms);
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

function tooSlow(rate: number): GatewayError {
  return new GatewayError(
    408,
    `the upload was slower than ${rate} bytes a second: it was given up`,
  );
}

/** Runs a few uploads at a time, queues some more and rejects the rest. */
export class UploadLimiter {
  private readonly open: number;
  private readonly queue: number;
  private active = 0;
  private readonly waiting: ((value: undefined) => void)[] = [];

  constructor(open: number, queue: number) {
    this.open = open;
    this.queue = queue;
  }

  /**
   * Runs `work` after the uploads before it in the queue, unless the signal aborts first. GatewayError 503 when
   * the queue is full.
   */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.active >= this.open) {
      if (this.waiting.length >= this.queue) {
        throw new GatewayError(503, 'too many uploads at once; try again in a while');
      }
      await this.turn(signal);
    } else this.active += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The next upload takes this one's place, so the count stays.
      if (next) next(undefined);
      else this.active -= 1;
    }
  }

  private async turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const cancel = () => {
      const at = this.waiting.indexOf(resolve);
      if (at < 0) return;
      this.waiting.splice(at, 1);
      reject(new ClientGoneError());
    };
    this.waiting.push(resolve);
    signal.addEventListener('abort', cancel, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', cancel));
  }
}
