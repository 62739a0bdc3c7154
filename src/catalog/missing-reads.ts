import { isMetadataFile, type Client, type MetadataFile } from '../images/file-kinds.ts';
import type { Version } from './document.ts';
import { possibleImages } from './candidates.ts';

/** A file whose bytes must be read before the whole version can be published. */
export interface MissingRead {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** The metadata files to digest before a root, in the same pass. */
  readonly metadata: readonly MetadataFile[];
}

/**
 * Returns the files of a version that are still to be read: metadata first, then by size. A root is included
 * only when its metadata is present, so that one pass computes both digests of the root. Files that the
 * verdict names are not read again.
 */
export function missingReads(
  version: Omit<Version, 'state'>,
  clients: readonly Client[],
): MissingRead[] {
  const reads = new Map<string, MissingRead>();
  const { verdict } = version;
  const isRejected = (name: string | undefined) =>
    verdict !== undefined && name !== undefined && Object.hasOwn(verdict.etags, name);
  for (const { file, metadataFile, fingerprint } of possibleImages(version.files, clients)) {
    const entry = version.files[file];
    const metadata = metadataFile === undefined ? undefined : version.files[metadataFile];
    if (entry === undefined || isRejected(file) || isRejected(metadataFile)) continue;
    if (metadataFile !== undefined && metadata?.sha256 === undefined) {
      reads.set(metadataFile, { file: metadataFile, size: metadata?.size ?? 0, metadata: [] });
    }
    if (entry.sha256 !== undefined && fingerprint !== undefined) continue;
    const earlier = reads.get(file)?.metadata ?? [];
    const added =
      metadataFile === undefined || earlier.includes(metadataFile) ? [] : [metadataFile];
    reads.set(file, { file, size: entry.size, metadata: [...earlier, ...added] });
  }
  const order = ({ file, size }: MissingRead) => (isMetadataFile(file) ? -1 : size);
  return [...reads.values()].sort((a, b) => order(a) - order(b));
}
