import type { Sha256 } from '../images/digests.ts';
import type { StoredRoot } from './present-image.ts';

/** How long the catalog may take to know of a version, in milliseconds. */
const LIFETIME = 10 * 60 * 1000;

/**
 * Images that the catalog may not know of yet: placed a moment ago, or about to be. One that is published by
 * another fingerprint than its sender knows is found by either.
 */
export class RecentImages {
  private readonly places = new Map<Sha256, StoredRoot | undefined>();
  /** By what their senders know them. */
  private readonly sent = new Map<Sha256, Sha256>();
  private readonly timers = new Map<Sha256, NodeJS.Timeout>();

  /** Whether some upload has it for itself at this moment. */
  isReserved(fingerprint: Sha256): boolean {
    return this.places.has(fingerprint) && this.places.get(fingerprint) === undefined;
  }

  /** Where it was placed; undefined when it is not there yet, or nothing is known of it. */
  find(fingerprint: Sha256): StoredRoot | undefined {
    return this.places.get(fingerprint);
  }

  /** What an image is published by whose sender knows it by a fingerprint that starts with `prefix`. */
  publishedAs(prefix: string): Sha256 | undefined {
    return [...this.sent].find(([sentAs]) => sentAs.startsWith(prefix))?.[1];
  }

  /** By fingerprint, where each was placed. */
  placed(): [Sha256, StoredRoot][] {
    const names = [...[...this.places.keys()].map((name) => [name, name] as const), ...this.sent];
    return names.flatMap(([name, fingerprint]) => {
      const place = this.places.get(fingerprint);
      return place ? [[name, place]] : [];
    });
  }

  reserve(fingerprint: Sha256, sentAs?: Sha256): void {
    this.forget(fingerprint);
    this.places.set(fingerprint, undefined);
    if (sentAs) this.sent.set(sentAs, fingerprint);
  }

  place(fingerprint: Sha256, place: StoredRoot, sentAs?: Sha256): void {
    this.reserve(fingerprint, sentAs);
    this.places.set(fingerprint, place);
    const timer = setTimeout(() => this.forget(fingerprint), LIFETIME);
    timer.unref();
    this.timers.set(fingerprint, timer);
  }

  forget(name: Sha256): void {
    const fingerprint = this.sent.get(name) ?? name;
    for (const [sentAs, own] of this.sent) if (own === fingerprint) this.sent.delete(sentAs);
    clearTimeout(this.timers.get(fingerprint));
    this.timers.delete(fingerprint);
    this.places.delete(fingerprint);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}
