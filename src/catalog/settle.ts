import { parseProductName, type ProductRef } from '../images/layout.ts';
import type { Catalog, Settings, Version, Withheld } from './document.ts';
import type { Candidate } from './candidates.ts';
import { isSame } from './same.ts';
import { standingOf, type Standing } from './verdict.ts';

interface Claim {
  readonly product: string;
  readonly version: string;
  readonly file: string;
  /** The earliest time at which the product had the image, in milliseconds since 1970. */
  readonly lastModified: number;
}

type Products = Catalog['products'];
type Settled = Pick<Version, 'state' | 'reason' | 'withheld'>;

/**
 * Gives every version its state, from the whole catalog at once. A client that finds a fingerprint twice
 * rejects both images ("More than one match": `GetImage` in shared/simplestreams/simplestreams.go of LXD and
 * Incus). So each fingerprint is published once:
 *
 * - Within a product, the greatest version publishes it.
 * - Across products, the product that had it first by its files' times publishes it, then the first by name.
 *
 * `now` is in milliseconds since 1970. Versions, products and the whole record keep their identity when their
 * state does not change.
 */
export function settle(products: Products, settings: Settings, now: number): Products {
  const standings = new Map<string, ReadonlyMap<string, Standing>>();
  const claims = new Map<string, Claim>();
  for (const [name, product] of Object.entries(products)) {
    const ref = productRefOf(name);
    const judged = new Map<string, Standing>();
    const own = new Map<string, Claim>();
    for (const [version, entry] of Object.entries(product.versions)) {
      const standing = standingOf(ref, entry, settings, now);
      judged.set(version, standing);
      for (const image of standing.images) {
        const claim = claimOf(name, version, entry, image);
        const other = own.get(identity(image));
        own.set(identity(image), other === undefined ? claim : withinProduct(other, claim));
      }
    }
    standings.set(name, judged);
    for (const [image, claim] of own) {
      const rival = claims.get(image);
      if (rival === undefined || precedes(claim, rival)) claims.set(image, claim);
    }
  }
  return mapValues(products, (product, name) => {
    const versions = mapValues(product.versions, (entry, version) => {
      const standing = standings.get(name)?.get(version) ?? { state: 'incomplete', images: [] };
      const settled = withVerdict(entry, settleVersion(name, version, standing, claims));
      const leaves = entry.state === 'published' && settled.state !== 'published';
      return withStanding(leaves ? embargoed(entry, settings, now) : entry, settled);
    });
    return versions === product.versions ? product : { ...product, versions };
  });
}

/** Maps each value of a record. Returns the same record when every value stays identical. */
function mapValues<T>(
  record: Readonly<Record<string, T>>,
  map: (value: T, name: string) => T,
): Readonly<Record<string, T>> {
  const entries = Object.entries(record).map(([name, value]) => [name, map(value, name)] as const);
  return entries.every(([name, mapped]) => mapped === record[name])
    ? record
    : Object.fromEntries(entries);
}

function settleVersion(
  product: string,
  version: string,
  standing: Standing,
  claims: ReadonlyMap<string, Claim>,
): Settled {
  if (standing.state !== 'published') return { state: standing.state, reason: standing.reason };
  const withheld = standing.images.flatMap((image): Withheld[] => {
    const owner = claims.get(identity(image));
    if (owner?.product === product && owner.version === version && owner.file === image.file)
      return [];
    const where = owner ? `${owner.product} ${owner.version} ${owner.file}` : 'another version';
    return [
      {
        file: image.file,
        client: image.client,
        reason: `the same image is published as ${where}, and clients refuse a fingerprint listed twice`,
      },
    ];
  });
  const [first] = withheld;
  if (first === undefined) return { state: 'published' };
  if (withheld.length === standing.images.length)
    return { state: 'duplicate', reason: first.reason };
  return { state: 'published', withheld };
}

/**
 * A published version with a verdict is published only in part. The catalog keeps a verdict only while it
 * holds.
 */
function withVerdict(entry: Version, settled: Settled): Settled {
  if (settled.state !== 'published' || entry.verdict === undefined) return settled;
  return { ...settled, reason: `not all of it is listed: ${entry.verdict.reason}` };
}

/**
 * Embargoes a version that leaves the public files: other bytes are not named until no edge can have these.
 */
function embargoed(entry: Version, { edgeSeconds }: Settings, now: number): Version {
  if (edgeSeconds === 0) return entry;
  const until = now + edgeSeconds * 1000;
  const files = Object.entries(entry.files).flatMap(([name, { etag, sha256 }]) => {
    const earlier = entry.embargoed?.[name];
    const wasNamed = sha256 !== undefined && (earlier === undefined || earlier.etag === etag);
    return wasNamed ? [[name, { etag, until }] as const] : [];
  });
  return files.length === 0
    ? entry
    : { ...entry, embargoed: { ...entry.embargoed, ...Object.fromEntries(files) } };
}

function withStanding(entry: Version, { state, reason, withheld }: Settled): Version {
  const isSettled =
    entry.state === state && entry.reason === reason && isSame(entry.withheld, withheld);
  if (isSettled) return entry;
  const { state: _, reason: __, withheld: ___, ...facts } = entry;
  return {
    ...facts,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(withheld === undefined ? {} : { withheld }),
  };
}

/** The greatest version gets the image, with the earliest time at which the product had it. */
function withinProduct(earlier: Claim, later: Claim): Claim {
  // Within one version, the first file of the table gets it: images are in that order.
  const winner = later.version > earlier.version ? later : earlier;
  return { ...winner, lastModified: Math.min(earlier.lastModified, later.lastModified) };
}

/** Returns true when the claim of one product wins over the claim of another. */
function precedes(claim: Claim, rival: Claim): boolean {
  if (claim.lastModified !== rival.lastModified) return claim.lastModified < rival.lastModified;
  return claim.product < rival.product;
}

function claimOf(product: string, version: string, entry: Version, image: Candidate): Claim {
  const lastModified = entry.files[image.file]?.lastModified ?? 0;
  return { product, version, file: image.file, lastModified };
}

function identity(image: Candidate): string {
  return `${image.client} ${image.fingerprint}`;
}

function productRefOf(name: string): ProductRef {
  const ref = parseProductName(name);
  if (ref === undefined)
    throw new Error(`the catalog has a product with the name ${JSON.stringify(name)}`);
  return ref;
}
