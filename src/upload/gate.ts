import { GatewayError } from './gateway-answers.ts';

/** Lets a few through at a time, holds some more back, and turns the rest away. */
export class Gate {
  private readonly open: number;
  private readonly queue: number;
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(open: number, queue: number) {
    this.open = open;
    this.queue = queue;
  }

  /** Runs `work` when it is its turn. GatewayError 503 when too many wait already. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside >= this.open) {
      if (this.waiting.length >= this.queue) {
        throw new GatewayError(503, 'too many uploads at once; try again in a while');
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else this.inside += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // Whoever waited takes this place over.
      if (next) next();
      else this.inside -= 1;
    }
  }
}
