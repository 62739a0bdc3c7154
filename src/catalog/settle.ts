import { parseProductName, type ProductRef } from '../images/layout.ts';
import type { Catalog, Product, Settings, Version, Withheld } from './document.ts';
import type { Candidate } from './candidates.ts';
import { standingOf, type Standing } from './verdict.ts';

interface Claim {
  readonly product: string;
  readonly version: string;
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

type Products = Catalog['products'];

/**
 * Gives every version its state, from the whole catalog at once: a client that meets a fingerprint twice
 * refuses both ("More than one match": `GetImage` in shared/simplestreams/simplestreams.go of LXD and
 * Incus), so each is published once. Within a product the greatest version has it; across products the
 * one that had it first by its files' times, then the first by name. `now` is in milliseconds since 1970.
 * Versions that keep their state keep their identity.
 */
export function settle(products: Products, settings: Settings, now: number): Products {
  const standings = new Map<string, Map<string, Standing>>();
  const claims = new Map<string, Claim>();
  const earliest = new Map<string, number>();
  for (const [name, product] of Object.entries(products)) {
    const ref = productRefOf(name);
    const own = new Map<string, Standing>();
    standings.set(name, own);
    for (const [version, entry] of Object.entries(product.versions)) {
      const standing = standingOf(ref, entry, settings, now);
      own.set(version, standing);
      for (const image of standing.images) {
        const claim = claimOf(name, version, entry, image);
        const firstSeen = `${name} ${identity(image)}`;
        earliest.set(firstSeen, Math.min(earliest.get(firstSeen) ?? Infinity, claim.lastModified));
      }
    }
  }
  for (const [name, own] of standings) {
    for (const [version, standing] of own) {
      for (const image of standing.images) {
        const entry = products[name]?.versions[version];
        if (entry === undefined) continue;
        const first = earliest.get(`${name} ${identity(image)}`) ?? 0;
        const claim = { ...claimOf(name, version, entry, image), lastModified: first };
        const rival = claims.get(identity(image));
        if (rival === undefined || precedes(claim, rival)) claims.set(identity(image), claim);
      }
    }
  }
  return Object.fromEntries(
    Object.entries(products).map(([name, product]) => [
      name,
      settleProduct(
        name,
        product,
        standings.get(name) ?? new Map<string, Standing>(),
        claims,
        (one) => held(one, settings, now),
      ),
    ]),
  );
}

function settleProduct(
  name: string,
  product: Product,
  standings: ReadonlyMap<string, Standing>,
  claims: ReadonlyMap<string, Claim>,
  leave: (entry: Version) => Version,
): Product {
  const versions = Object.fromEntries(
    Object.entries(product.versions).map(([version, entry]) => {
      const standing = standings.get(version) ?? { state: 'incomplete', images: [] };
      const settled = settleVersion(name, version, standing, claims);
      const leaves = entry.state === 'published' && settled.state !== 'published';
      return [version, withStanding(leaves ? leave(entry) : entry, settled)];
    }),
  );
  return { ...product, versions };
}

function settleVersion(
  product: string,
  version: string,
  standing: Standing,
  claims: ReadonlyMap<string, Claim>,
): Pick<Version, 'state' | 'reason' | 'withheld'> {
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

/** A version that leaves the public files: other bytes than its own wait until no edge can hold these. */
function held(entry: Version, { edgeSeconds }: Settings, now: number): Version {
  if (edgeSeconds === 0) return entry;
  const until = now + edgeSeconds * 1000;
  const files = Object.entries(entry.files).flatMap(([name, { etag, sha256 }]) => {
    const earlier = entry.held?.[name];
    const wasNamed = sha256 !== undefined && (earlier === undefined || earlier.etag === etag);
    return wasNamed ? [[name, { etag, until }] as const] : [];
  });
  return files.length === 0
    ? entry
    : { ...entry, held: { ...entry.held, ...Object.fromEntries(files) } };
}

function withStanding(
  entry: Version,
  { state, reason, withheld }: Pick<Version, 'state' | 'reason' | 'withheld'>,
): Version {
  const { state: _, reason: __, withheld: ___, ...facts } = entry;
  const settled: Version = {
    ...facts,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(withheld === undefined ? {} : { withheld }),
  };
  return settled;
}

function precedes(claim: Claim, rival: Claim): boolean {
  if (claim.product !== rival.product) {
    if (claim.lastModified !== rival.lastModified) return claim.lastModified < rival.lastModified;
    return claim.product < rival.product;
  }
  // Within one version the first file of the table keeps it: images come in that order.
  return claim.version > rival.version;
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
