import type { Sha256 } from '../images/digests.ts';

/** Milliseconds: a client asks within seconds of its upload's end. */
const LIFETIME = 5 * 60 * 1000;
const MAX_FAILURES = 1000;

interface Failure {
  readonly reason: string;
  readonly expires: number;
}

/**
 * Why uploads failed. The clients drop the answer to an upload that they relay, and go on to name the image:
 * they are told then. Kept by the client's certificate and the image's fingerprint, where that was announced;
 * of those without, each client's last.
 */
export class FailedUploads {
  private readonly failures = new Map<string, Failure>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  note(client: Sha256, fingerprint: string | undefined, reason: string): void {
    const key = keyOf(client, fingerprint);
    // Anew, so that the oldest stay the first.
    this.failures.delete(key);
    this.failures.set(key, { reason, expires: this.now() + LIFETIME });
    for (const [oldest, { expires }] of this.failures) {
      if (expires > this.now() && this.failures.size <= MAX_FAILURES) return;
      this.failures.delete(oldest);
    }
  }

  /** What to tell a client that asks for an image that is not there; empty when nothing failed. */
  explain(client: Sha256, fingerprint: string): string {
    const own = this.find(keyOf(client, fingerprint));
    if (own) return `: its upload failed: ${own.reason}`;
    const last = this.find(keyOf(client, undefined));
    return last ? `: the last upload of this client failed: ${last.reason}` : '';
  }

  private find(key: string): Failure | undefined {
    const found = this.failures.get(key);
    return found && found.expires > this.now() ? found : undefined;
  }
}

function keyOf(client: Sha256, fingerprint = ''): string {
  return `${client}/${fingerprint}`;
}
