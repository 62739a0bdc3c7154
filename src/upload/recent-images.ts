import type { Sha256 } from '../images/digests.ts';
import type { VersionRef } from '../images/layout.ts';

/** How long the catalog may take to know of a version, in milliseconds. */
const LIFETIME = 10 * 60 * 1000;

/** Images that the catalog may not know of yet: placed a moment ago, or about to be. */
export class RecentImages {
  private readonly refs = new Map<Sha256, VersionRef | undefined>();
  private readonly timers = new Map<Sha256, NodeJS.Timeout>();

  has(fingerprint: Sha256): boolean {
    return this.refs.has(fingerprint);
  }

  /** Where it was placed; undefined when it is not there yet, or nothing is known of it. */
  find(fingerprint: Sha256): VersionRef | undefined {
    return this.refs.get(fingerprint);
  }

  /** By fingerprint, where each was placed. */
  placed(): [Sha256, VersionRef][] {
    return [...this.refs].flatMap(([fingerprint, ref]) => (ref ? [[fingerprint, ref]] : []));
  }

  reserve(fingerprint: Sha256): void {
    this.refs.set(fingerprint, undefined);
  }

  place(fingerprint: Sha256, ref: VersionRef): void {
    this.forget(fingerprint);
    this.refs.set(fingerprint, ref);
    const timer = setTimeout(() => this.forget(fingerprint), LIFETIME);
    timer.unref();
    this.timers.set(fingerprint, timer);
  }

  forget(fingerprint: Sha256): void {
    clearTimeout(this.timers.get(fingerprint));
    this.timers.delete(fingerprint);
    this.refs.delete(fingerprint);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}
