import type { Sha256 } from '../images/digests.ts';
import type { ImagePlace } from './present-image.ts';

/** How long the catalog may take to know of a version, in milliseconds. */
const LIFETIME = 10 * 60 * 1000;

/** Images that the catalog may not know of yet: placed a moment ago, or about to be. */
export class RecentImages {
  private readonly places = new Map<Sha256, ImagePlace | undefined>();
  private readonly timers = new Map<Sha256, NodeJS.Timeout>();

  /** Whether some upload has it for itself at this moment. */
  isReserved(fingerprint: Sha256): boolean {
    return this.places.has(fingerprint) && this.places.get(fingerprint) === undefined;
  }

  /** Where it was placed; undefined when it is not there yet, or nothing is known of it. */
  find(fingerprint: Sha256): ImagePlace | undefined {
    return this.places.get(fingerprint);
  }

  /** By fingerprint, where each was placed. */
  placed(): [Sha256, ImagePlace][] {
    return [...this.places].flatMap(([fingerprint, place]) =>
      place ? [[fingerprint, place]] : [],
    );
  }

  reserve(fingerprint: Sha256): void {
    this.forget(fingerprint);
    this.places.set(fingerprint, undefined);
  }

  place(fingerprint: Sha256, place: ImagePlace): void {
    this.forget(fingerprint);
    this.places.set(fingerprint, place);
    const timer = setTimeout(() => this.forget(fingerprint), LIFETIME);
    timer.unref();
    this.timers.set(fingerprint, timer);
  }

  forget(fingerprint: Sha256): void {
    clearTimeout(this.timers.get(fingerprint));
    this.timers.delete(fingerprint);
    this.places.delete(fingerprint);
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }
}
