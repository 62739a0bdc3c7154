import type { KnownDigests, SeenFile } from '../catalog/merge.ts';
import type { Verdict } from '../catalog/document.ts';
import type { Sha256 } from '../images/digests.ts';

/** More than one invocation reads. A file whose entry was dropped is read again. */
const LIMIT = 20_000;

/**
 * The digests that this process has computed, by key, ETag and size. A commit that has to start again needs a
 * listing but no reads.
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

  /** Stores a problem with the version below `prefix`, valid while its files have the verdict's ETags. */
  rememberVerdict(prefix: string, verdict: Verdict): void {
    this.#verdicts.set(prefix, verdict);
  }

  /** Deletes the verdicts, so that files that could not be read are tried again. */
  forgetVerdicts(): void {
    this.#verdicts.clear();
  }

  /** Returns the known digests and verdict of the version whose files are below `prefix`. */
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
