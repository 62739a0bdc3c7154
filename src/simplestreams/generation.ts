import { constants, gunzipSync } from 'node:zlib';

/** The state of the catalog, and of a mirror's ledger, that a public file is made from. */
export interface Revision {
  readonly catalog: number;
  /** The mirror's own revision; absent means 0, as on the master. */
  readonly mirror?: number;
}

/** The number of bytes at the start of a public file that contain its revision, compressed or not. */
export const REVISION_BYTES = 512;

const START =
  /^\s*\{\s*"generation"\s*:\s*\{\s*"catalog"\s*:\s*(\d{1,15})\s*,\s*"mirror"\s*:\s*(\d{1,15})\s*\}/;

/** The first member of a public file, without the brace before and the comma after it. */
export function revisionMember({ catalog, mirror = 0 }: Revision): string {
  return `"generation":{"catalog":${catalog},"mirror":${mirror}}`;
}

/**
 * Reads the revision of a public file from its first REVISION_BYTES bytes, gzipped or not. Returns undefined
 * for another program's file.
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
    // The end of the stream is missing. A sync flush returns the text of the bytes so far.
    return decode(gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return '';
  }
}

/** Negative when `a` is older than `b`, 0 when they are the same, positive when it is newer. */
export function compareRevisions(a: Revision, b: Revision): number {
  return a.catalog - b.catalog || (a.mirror ?? 0) - (b.mirror ?? 0);
}
