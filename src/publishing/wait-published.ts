import { setTimeout as delay } from 'node:timers/promises';

import type { Version } from '../catalog/document.ts';
import { possibleImages } from '../catalog/candidates.ts';
import { productName, versionPrefix } from '../images/layout.ts';
import { loadCatalog } from '../pipeline/documents/load-catalog.ts';
import { PUBLIC_DOCUMENTS, type PublicDocument } from '../pipeline/documents/public-documents.ts';
import { isPublic } from '../pipeline/documents/public-files.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import type { PlacedVersion } from './place-version.ts';

export type Publication =
  | { readonly kind: 'published' }
  /** It is not public. With `final` it will not be published as it is; otherwise the wait timed out. */
  | { readonly kind: 'unpublished'; readonly final: boolean; readonly reason: string };

export interface WaitOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds between two reads of the catalog. */
  readonly interval?: number;
  /** The public documents to check; those of this version by default. */
  readonly documents?: readonly PublicDocument[];
  /** Aborts the wait, which then rejects. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the catalog until the images of a placed version are public, or cannot become public. It only reads: an
 * indexer (`serve`, `watch`, the deployed functions) must run somewhere.
 */
export async function waitPublished(
  store: ObjectStore,
  placed: PlacedVersion,
  { timeout, interval = 250, documents = PUBLIC_DOCUMENTS, signal }: WaitOptions,
): Promise<Publication> {
  const deadline = Date.now() + timeout;
  let last = 'nothing has indexed it yet; does `bucketstreams serve` or `watch` run on this store?';
  for (;;) {
    const seen = await look(store, placed, documents);
    if (seen.kind === 'published' || seen.final) return seen;
    last = seen.reason ?? last;
    if (Date.now() >= deadline) {
      return { kind: 'unpublished', final: false, reason: `${last} (waited ${timeout / 1000} s)` };
    }
    await delay(interval, undefined, { signal });
  }
}

type Look =
  | { readonly kind: 'published' }
  | { readonly kind: 'unpublished'; readonly final: true; readonly reason: string }
  | { readonly kind: 'unpublished'; readonly final: false; readonly reason?: string };

async function look(
  store: ObjectStore,
  placed: PlacedVersion,
  documents: readonly PublicDocument[],
): Promise<Look> {
  const loaded = await loadCatalog(store);
  const { product, version } = placed.ref;
  const entry = loaded?.catalog.products[productName(product)]?.versions[version];
  if (!loaded || !entry || !isKnown(entry, placed.stored, versionPrefix(placed.ref))) {
    return { kind: 'unpublished', final: false };
  }
  if (entry.state === 'published') {
    const reason = withheldReason(entry, placed);
    if (reason !== undefined) return { kind: 'unpublished', final: true, reason };
    const missing = missingFingerprint(entry, placed);
    if (missing !== undefined) return { kind: 'unpublished', final: false, reason: missing };
    return (await isPublic(store, documents, loaded.catalog.generation))
      ? { kind: 'published' }
      : { kind: 'unpublished', final: false, reason: 'the public files are being written' };
  }
  const reason = `it is ${entry.state}${entry.reason === undefined ? '' : `: ${entry.reason}`}`;
  const passing = entry.state === 'pending' || entry.state === 'replaced';
  return { kind: 'unpublished', final: !passing, reason };
}

/** Returns whether the catalog has exactly the stored objects. */
function isKnown(entry: Version, stored: readonly ObjectInfo[], prefix: string): boolean {
  return stored.every(({ key, etag }) => {
    const name = key.slice(prefix.length);
    const found =
      entry.files[name] ?? (entry.checksums?.etag === etag ? entry.checksums : undefined);
    return found?.etag === etag;
  });
}

function withheldReason(entry: Version, placed: PlacedVersion): string | undefined {
  const names = Object.keys(placed.fingerprints);
  return entry.withheld?.find(({ file }) => names.includes(file))?.reason;
}

function missingFingerprint(entry: Version, placed: PlacedVersion): string | undefined {
  const known = new Set(possibleImages(entry.files).map((image) => image.fingerprint));
  const [file, fingerprint] =
    Object.entries(placed.fingerprints).find(([, value]) => !known.has(value)) ?? [];
  if (fingerprint === undefined) return undefined;
  return `the catalog has another fingerprint for ${file ?? ''} than ${fingerprint}`;
}
