import type { Sha256 } from '../images/digests.ts';

/** Milliseconds. A client asks for its image within seconds after its upload. */
const LIFETIME = 5 * 60 * 1000;
const MAX_FAILURES = 1000;

interface Failure {
  readonly reason: string;
  readonly expires: number;
}

/**
 * The reasons of failed uploads. A client that relays an upload ignores its response and then asks for the image;
 * the response to that request includes the reason. The key is the client's certificate and the announced
 * fingerprint. For uploads without a fingerprint, only the last one of each client is kept.
 */
export class FailedUploads {
  private readonly failures = new Map<string, Failure>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  note(client: Sha256, fingerprint: string | undefined, reason: string): void {
    const key = keyOf(client, fingerprint);
    // Deleted and added again, so that the oldest entries stay first.
    this.failures.delete(key);
    this.failures.set(key, { reason, expires: this.now() + LIFETIME });
    for (const [oldest, { expires }] of this.failures) {
      if (expires > this.now() && this.failures.size <= MAX_FAILURES) return;
      this.failures.delete(oldest);
    }
  }

  /** Returns a text to append to a "not found" message; empty when no upload failed. */
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
