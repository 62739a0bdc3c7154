import { GatewayError } from './responses.ts';
import { ClientGoneError } from './client-gone.ts';

/** Lets a few through at a time, holds some more back, and turns the rest away. */
export class UploadLimiter {
  private readonly open: number;
  private readonly queue: number;
  private inside = 0;
  private readonly waiting: ((value: undefined) => void)[] = [];

  constructor(open: number, queue: number) {
    this.open = open;
    this.queue = queue;
  }

  /** Runs `work` when it is its turn, unless the signal comes first. GatewayError 503 when too many wait already. */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.inside >= this.open) {
      if (this.waiting.length >= this.queue) {
        throw new GatewayError(503, 'too many uploads at once; try again in a while');
      }
      await this.turn(signal);
    } else this.inside += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // Whoever waited takes this place over.
      if (next) next(undefined);
      else this.inside -= 1;
    }
  }

  private async turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const leave = () => {
      const at = this.waiting.indexOf(resolve);
      if (at < 0) return;
      this.waiting.splice(at, 1);
      reject(new ClientGoneError());
    };
    this.waiting.push(resolve);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  }
}
