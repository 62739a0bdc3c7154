import type { Hasher, Sha256 } from '../../images/digests.ts';
import { INDEX_KEY } from '../../facts/delivery-policy.ts';
import { parseIndex, parseProducts, type Parsed } from '../../simplestreams/parse-documents.ts';
import {
  productsPaths,
  publicVersions,
  type PublicItem,
  type PublicVersion,
} from '../../simplestreams/public-items.ts';
import type { PublicSource } from '../../simplestreams/public-source.ts';
import { readList } from '../../simplestreams/read-list.ts';
import {
  salvageIndex,
  salvageProducts,
  type Problem,
} from '../../simplestreams/salvage-documents.ts';
import { isStoreError } from '../../storage/errors.ts';
import { errorText } from '../../log/error-text.ts';

export interface Verification {
  /** Files that were read. */
  readonly checked: number;
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

/** The largest object that is held in memory whole: public JSON or metadata, in bytes. */
const MAX_WHOLE = 256 * 1024 * 1024;

/**
 * Reads every file that public simplestreams files name, as a client does. Compares its size, its sha256 and
 * the combined fingerprints. Rejects when the index itself cannot be read.
 */
export async function verifyPublic(
  source: PublicSource,
  hasher: Hasher,
  onProgress: (bytes: number, total: number, path: string) => void = () => undefined,
): Promise<Verification> {
  const { versions, problems } = await readVersions(source);
  for (const problem of repeated(versions)) problems.push(problem);
  const total = totalBytes(versions);
  let bytes = 0;
  let checked = 0;
  const report = (path: string) => (more: number) => onProgress((bytes += more), total, path);
  for (const { items } of versions) {
    const metadata = new Map<PublicItem, Uint8Array>();
    const done = new Map<string, PublicItem>();
    // Metadata is read first: roots are hashed with the metadata before them.
    for (const item of items.toSorted((a, b) => b.combined.size - a.combined.size)) {
      const first = done.get(item.path);
      if (first) {
        // One file can be two items, one for each client.
        const bytesOfFirst = metadata.get(first);
        if (bytesOfFirst) metadata.set(item, bytesOfFirst);
        if (first.sha256 !== item.sha256 || first.size !== item.size) {
          problems.push({
            key: item.place,
            problem: `it differs from ${first.place} on the same path`,
          });
        }
        continue;
      }
      done.set(item.path, item);
      checked++;
      const found = await verifyItem(source, hasher, item, metadata, report(item.path));
      problems.push(...found.map((problem) => ({ key: item.path, problem })));
    }
  }
  return { checked, bytes, problems };
}

/** Returns the versions of all products files that the index names, and the problems of these lists. */
async function readVersions(source: PublicSource) {
  const problems: Problem[] = [];
  const versions: PublicVersion[] = [];
  /** Clients decode strictly: one wrong type hides all products of a list from them. */
  const check = (path: string, strict: Parsed<unknown>) => {
    const first = 'problem' in strict ? strict.problem : undefined;
    if (first !== undefined) problems.push({ key: path, problem: first });
    return ({ key, problem }: Problem) => {
      if (key !== '') problems.push({ key, problem });
      else if (problem !== first) problems.push({ key: path, problem });
    };
  };
  const index = await readList(source, INDEX_KEY, MAX_WHOLE);
  const report = check(INDEX_KEY, parseIndex(index));
  for (const path of productsPaths(salvageIndex(index, report))) {
    const products = await readList(source, path, MAX_WHOLE);
    const reportItem = check(path, parseProducts(products));
    const found = publicVersions(salvageProducts(products, reportItem), reportItem);
    for (const version of found) versions.push(version);
  }
  return { versions, problems };
}

async function verifyItem(
  source: PublicSource,
  hasher: Hasher,
  item: PublicItem,
  metadata: Map<PublicItem, Uint8Array>,
  report: (bytes: number) => void,
): Promise<string[]> {
  const parents = [...metadata.keys()].filter((parent) => parent.combined.has(item.ftype));
  const prefixes = parents.map((parent) => metadata.get(parent) ?? new Uint8Array());
  try {
    const kept: Uint8Array[] | undefined = item.combined.size > 0 ? [] : undefined;
    const body = watched(await source.open(item.path), report, kept);
    const pass = await hasher.digest(body, prefixes);
    if (kept) metadata.set(item, Buffer.concat(kept));
    const problems: string[] = [];
    if (pass.size !== item.size) problems.push(`it has ${pass.size} bytes, not ${item.size}`);
    if (pass.sha256 !== item.sha256)
      problems.push(`its sha256 is ${pass.sha256}, not ${item.sha256}`);
    parents.forEach((parent, at) => {
      if (pass.prefixed[at] === parent.combined.get(item.ftype)) return;
      problems.push(
        `${parent.place}: the fingerprint with it is ${pass.prefixed[at] ?? '?'}, not ${parent.combined.get(item.ftype) ?? '?'}`,
      );
    });
    return problems;
  } catch (error) {
    // A server that fails now would fail for the other files too.
    if (isStoreError(error) && error.code !== 'not_found') throw error;
    return [errorText(error)];
  }
}

/** Finds fingerprints that two versions have. Clients can download neither image ("More than one match"). */
function repeated(versions: readonly PublicVersion[]): Problem[] {
  const first = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { items } of versions) {
    const own = new Set<Sha256>();
    for (const item of items) {
      for (const fingerprint of item.combined.values()) {
        const other = first.get(`${item.ftype} ${fingerprint}`);
        if (other !== undefined) {
          problems.push({
            key: item.place,
            problem: `its fingerprint ${fingerprint} is that of ${other} too`,
          });
        } else if (!own.has(fingerprint)) first.set(`${item.ftype} ${fingerprint}`, item.place);
        own.add(fingerprint);
      }
    }
  }
  return problems;
}

function totalBytes(versions: readonly PublicVersion[]): number {
  let total = 0;
  for (const { items } of versions) {
    for (const size of new Map(items.map((item) => [item.path, item.size])).values()) total += size;
  }
  return total;
}

/** Passes a body on, reports its bytes, and keeps them when `kept` is given. */
async function* watched(
  body: AsyncIterable<Uint8Array>,
  report: (bytes: number) => void,
  kept: Uint8Array[] | undefined,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (kept && size > MAX_WHOLE) throw new Error(`it is larger than ${MAX_WHOLE} bytes`);
    kept?.push(chunk);
    report(chunk.length);
    yield chunk;
  }
}
