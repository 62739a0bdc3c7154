import { isKnownArchitecture } from '../images/architectures.ts';
import { fileKind, imageType, METADATA_FILES, ROOT_FILES } from '../images/file-kinds.ts';
import type { ProductRef } from '../images/layout.ts';
import type { Settings, Version, VersionState } from './document.ts';
import { candidatesOf, possibleImages, type Candidate } from './candidates.ts';
import { missingReads } from './missing-reads.ts';

const METADATA = `metadata (${METADATA_FILES.join(' or ')})`;
/** One example of a root for each type of image: the first in the table. */
const ROOT_EXAMPLES = [...Map.groupBy(ROOT_FILES, imageType).values()].map(([first = '']) => first);

/** The state of one version by itself, before it is compared with the other versions. */
export interface Standing {
  readonly state: VersionState;
  readonly reason?: string;
  /** The images with fingerprints. Only a version that may be published has any. */
  readonly images: readonly Candidate[];
}

/** Finds the state of a version from its own files. `now` is in milliseconds since 1970. */
export function standingOf(
  product: ProductRef,
  version: Omit<Version, 'state'>,
  settings: Settings,
  now: number,
): Standing {
  const names = Object.keys(version.files);
  if (names.length === 0) {
    const reason = version.removal ? 'withdrawn by removed.json' : 'its files were deleted';
    return { state: 'removed', reason, images: [] };
  }
  const rejection = rejectionOf(product, version, settings);
  if (rejection !== undefined) return { state: 'rejected', reason: rejection, images: [] };

  // Completeness does not depend on the clients in the settings, so this checks the images of both clients.
  const images = possibleImages(version.files);
  if (images.length === 0)
    return { state: 'incomplete', reason: missingIn(version.files), images: [] };
  const ready = candidatesOf(version, settings.clients);
  if (ready.length > 0) return { state: 'published', images: ready };
  const overwritten = Object.entries(version.embargoed ?? {}).filter(([name, { etag }]) => {
    const file = version.files[name];
    return file !== undefined && file.etag !== etag;
  });
  if (overwritten.length > 0) {
    const until = Math.max(...overwritten.map(([, { until }]) => until));
    const files = overwritten.map(([name]) => name).join(', ');
    const why =
      until > now
        ? `it returns at ${new Date(until).toISOString()}, when no edge can hold the old bytes`
        : 'its new bytes are being read';
    return { state: 'replaced', reason: `${files} was overwritten; ${why}`, images: [] };
  }
  return images.some((image) => settings.clients.includes(image.client))
    ? { state: 'pending', reason: 'its bytes are being read', images: [] }
    : { state: 'incomplete', reason: 'it has no image for the clients listed', images: [] };
}

function rejectionOf(
  product: ProductRef,
  version: Omit<Version, 'state'>,
  settings: Settings,
): string | undefined {
  if (!isKnownArchitecture(product.arch)) {
    return `the architecture ${JSON.stringify(product.arch)} is unknown to LXD and Incus, which would skip it`;
  }
  const { checksums, verdict, files } = version;
  if (checksums?.problem !== undefined) return `SHA256SUMS: ${checksums.problem}`;
  for (const [name, file] of Object.entries(files)) {
    const expected =
      checksums && Object.hasOwn(checksums.sums, name) ? checksums.sums[name] : undefined;
    if (file.sha256 !== undefined && expected !== undefined && file.sha256 !== expected) {
      return `${name} has the SHA-256 ${file.sha256}, SHA256SUMS says ${expected}`;
    }
  }
  if (verdict !== undefined) {
    const holds = Object.entries(verdict.etags).every(([name, etag]) => files[name]?.etag === etag);
    const { clients } = settings;
    const isLost =
      candidatesOf(version, clients).length === 0 && missingReads(version, clients).length === 0;
    if (holds && isLost) return verdict.reason;
  }
  const contents = Object.entries(files).filter(([name]) => isContent(name));
  if (contents.length > 0 && contents.every(([, file]) => file.size === 0)) {
    return `${contents.map(([name]) => name).join(', ')} ${contents.length === 1 ? 'is' : 'are'} empty`;
  }
  return undefined;
}

function isContent(name: string): boolean {
  const kind = fileKind(name)?.kind;
  return kind === 'metadata' || kind === 'root' || kind === 'unified';
}

function missingIn(files: Version['files']): string {
  const of = (...kinds: readonly string[]) =>
    Object.entries(files).filter(([name]) => kinds.includes(fileKind(name)?.kind ?? ''));
  const [metadata, roots] = [of('metadata'), of('root')];
  if (metadata.length + roots.length === 0) {
    return `it has neither ${METADATA} nor a root nor a unified file`;
  }
  const complete = metadata.some(([, { size }]) => size > 0);
  const empty = (complete ? roots : metadata).map(([name]) => name);
  if (empty.length > 0) return `${empty.join(', ')} ${empty.length === 1 ? 'is' : 'are'} empty`;
  return complete
    ? `it has no root (${ROOT_EXAMPLES.join(', ')} or another)`
    : `it has no ${METADATA}`;
}
