import type { KnownDigests, SeenFile } from '../catalog/merge.ts';
import type { Verdict } from '../catalog/document.ts';
import type { Sha256 } from '../images/digests.ts';

/** More than any invocation reads; what falls out is read again. */
const LIMIT = 20_000;

/**
 * The digests this process has computed, by key, ETag and size: a commit that has to start over costs a
 * listing and no reading.
 */
export class DigestMemory {
  readonly #digests = new Map<string, Sha256>();
  readonly #verdicts = new Map<string, Verdict>();

  remember(key: string, file: SeenFile, sha256: Sha256): void {
    this.#store(identity(key, file), sha256);
  }

  rememberCombined(
    key: string,
    file: SeenFile,
    metadataKey: string,
    metadata: SeenFile,
    sha256: Sha256,
  ): void {
    this.#store(`${identity(key, file)} ${identity(metadataKey, metadata)}`, sha256);
  }

  /** Something wrong with the version below `prefix`, while its files have the verdict's ETags. */
  rememberVerdict(prefix: string, verdict: Verdict): void {
    this.#verdicts.set(prefix, verdict);
  }

  /** Forgets the verdicts, so that what could not be read is tried again. */
  forgetVerdicts(): void {
    this.#verdicts.clear();
  }

  /** What is known of the version whose files lie below `prefix`. */
  of(prefix: string): KnownDigests {
    return {
      sha256: (name, file) => this.#digests.get(identity(prefix + name, file)),
      combined: (name, file, metadata, metadataName) =>
        this.#digests.get(
          `${identity(prefix + name, file)} ${identity(prefix + metadataName, metadata)}`,
        ),
      verdict: (files) => {
        const verdict = this.#verdicts.get(prefix);
        if (verdict === undefined) return undefined;
        const holds = Object.entries(verdict.etags).every(
          ([name, etag]) => files[name]?.etag === etag,
        );
        return holds ? verdict : undefined;
      },
    };
  }

  #store(identity: string, sha256: Sha256): void {
    this.#digests.set(identity, sha256);
    if (this.#digests.size <= LIMIT) return;
    const oldest = this.#digests.keys().next();
    if (!oldest.done) this.#digests.delete(oldest.value);
  }
}

function identity(key: string, file: SeenFile): string {
  return `${key}|${file.etag}|${file.size}`;
}
