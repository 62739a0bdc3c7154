import { constants, gunzipSync } from 'node:zlib';

/** Which state of the catalog, and of a mirror's ledger, a public file is made from. */
export interface Revision {
  readonly catalog: number;
  /** The mirror's own revision; absent means 0, as on the master. */
  readonly mirror?: number;
}

/** How many bytes from the start of a public file hold its revision, compressed or not. */
export const REVISION_BYTES = 512;

const START =
  /^\s*\{\s*"generation"\s*:\s*\{\s*"catalog"\s*:\s*(\d{1,15})\s*,\s*"mirror"\s*:\s*(\d{1,15})\s*\}/;

/** The first member of a public file, without the brace before and the comma after it. */
export function revisionMember({ catalog, mirror = 0 }: Revision): string {
  return `"generation":{"catalog":${catalog},"mirror":${mirror}}`;
}

/**
 * Reads the revision of a public file from its first REVISION_BYTES bytes, gzipped or not. Undefined for
 * a file that is not one of ours.
 */
export function readGeneration(firstBytes: Uint8Array): Revision | undefined {
  const match = START.exec(startOfText(firstBytes.subarray(0, REVISION_BYTES)));
  if (!match) return undefined;
  return { catalog: Number(match[1]), mirror: Number(match[2]) };
}

function startOfText(bytes: Uint8Array): string {
  const decode = (some: Uint8Array) => new TextDecoder().decode(some);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return decode(bytes);
  try {
    // The end of the stream is not there: a sync flush yields what the bytes so far stand for.
    return decode(gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return '';
  }
}

/** Negative when `a` is older than `b`, 0 when they are the same, positive when it is newer. */
export function compareRevisions(a: Revision, b: Revision): number {
  return a.catalog - b.catalog || (a.mirror ?? 0) - (b.mirror ?? 0);
}
