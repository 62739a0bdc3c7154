import fc from 'fast-check';
import {
  CATALOG_SCHEMA,
  type Catalog,
  type FileEntry,
  type Product,
  type ProductFile,
  type Settings,
  type Version,
} from '../../../src/catalog/document.ts';
import { parseSha256, type Sha256 } from '../../../src/images/digests.ts';
import { FILE_NAMES, METADATA_FILES, type Client } from '../../../src/images/file-kinds.ts';
import { productName, versionProblem, type ProductRef } from '../../../src/images/layout.ts';
import { DEFAULT_ALIASES } from '../../../src/simplestreams/aliases.ts';
import type { ETag } from '../../../src/storage/object-store.ts';

/** Generates objects like object literals, so that they equal those of a program. */
const PLAIN = { noNullPrototype: true } as const;

const SAFE = 'ABCXYZabcxyz0129._-'.split('');
const TRICKY_NAMES = [
  'default',
  '__proto__',
  'constructor',
  '0',
  '12.04',
  'images',
  'product.toml',
];

/** A name that the upload layout allows. Some are difficult for programs. */
export const safeName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...TRICKY_NAMES),
  fc
    .string({ unit: fc.constantFrom(...SAFE), minLength: 1, maxLength: 12 })
    .filter((name) => !name.startsWith('.')),
);

export const architecture: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('amd64', 'x86_64', 'arm64', 'armhf', 'riscv64') },
  safeName,
);

/** The number of values is small, so that products have common aliases. */
export const productRef: fc.Arbitrary<ProductRef> = fc.record(
  {
    os: fc.oneof(fc.constantFrom('debian', 'ubuntu'), safeName),
    release: fc.oneof(fc.constantFrom('bookworm', '24.04'), safeName),
    arch: architecture,
    variant: fc.oneof(fc.constantFrom('default', 'cloud'), safeName),
  },
  PLAIN,
);

export const versionName: fc.Arbitrary<string> = fc
  .tuple(
    fc.integer({ min: 1970, max: 9999 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
    fc.constantFrom('', '_12:00', '_2359', '-2', '.1', '_x-Y.z'),
  )
  .map(([year, month, day, suffix]) => {
    const date = `${year}${String(month).padStart(2, '0')}${String(day).padStart(2, '0')}`;
    return date + suffix;
  })
  .filter((name) => versionProblem(name) === undefined);

export const sha256: fc.Arbitrary<Sha256> = fc
  .bigInt({ min: 0n, max: 2n ** 256n - 1n })
  .map((value) => parseSha256(value.toString(16).padStart(64, '0'))!);

/** Two values only, so that a stored ETag is sometimes current and sometimes old. */
export const etag: fc.Arbitrary<ETag> = fc.constantFrom('etag-1' as ETag, 'etag-2' as ETag);

export const clients: fc.Arbitrary<readonly Client[]> = fc.constantFrom<(readonly Client[])[]>(
  ['lxd', 'incus'],
  ['incus', 'lxd'],
  ['lxd'],
  ['incus'],
);

const usually = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.option(arbitrary, { nil: undefined, freq: 6 });

export const fileEntry: fc.Arbitrary<FileEntry> = fc.record(
  {
    etag,
    size: fc.integer({ min: 0, max: 2 ** 43 }),
    lastModified: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    sha256: usually(sha256),
    combined: fc.dictionary(
      fc.constantFrom(...METADATA_FILES),
      fc.record({ metadataEtag: etag, sha256 }, PLAIN),
      { ...PLAIN, maxKeys: 2 },
    ),
  },
  { ...PLAIN, requiredKeys: ['etag', 'size', 'lastModified'] },
);

const fileName = fc.constantFrom(...FILE_NAMES, 'rootfs.squashfs.vcdiff');

export const version: fc.Arbitrary<Version> = fc.record(
  {
    state: fc.constantFrom<Version['state'][]>(
      'published',
      'published',
      'published',
      'published',
      'incomplete',
      'pending',
      'rejected',
      'duplicate',
      'replaced',
      'removed',
    ),
    reason: fc.string(),
    files: fc.dictionary(fileName, fileEntry, { ...PLAIN, maxKeys: 8 }),
    withheld: fc.array(
      fc.record(
        {
          file: fileName,
          client: fc.constantFrom<Client[]>('lxd', 'incus'),
          reason: fc.string(),
        },
        PLAIN,
      ),
      { maxLength: 2 },
    ),
    removal: fc.record(
      { etag, files: fc.dictionary(fileName, etag, { ...PLAIN, maxKeys: 1 }) },
      PLAIN,
    ),
    embargoed: fc.dictionary(fileName, fc.record({ etag, until: fc.nat() }, PLAIN), {
      ...PLAIN,
      maxKeys: 1,
    }),
  },
  { ...PLAIN, requiredKeys: ['state', 'files'] },
);

const aliasName = fc.oneof(
  fc.constantFrom('debian/bookworm', 'ubuntu/24.04', 'latest', 'ñandú'),
  safeName,
);

export const productFile: fc.Arbitrary<ProductFile> = fc.record(
  {
    etag,
    problem: fc.string(),
    values: fc.record(
      {
        aliases: fc.uniqueArray(aliasName, { maxLength: 3 }),
        releaseTitle: fc.string({ unit: 'grapheme' }),
        requirements: fc.dictionary(safeName, fc.string({ unit: 'grapheme' }), {
          ...PLAIN,
          maxKeys: 3,
        }),
        supportEol: fc.constantFrom('2030-01-31', '1999-12-01'),
      },
      { ...PLAIN, requiredKeys: ['aliases', 'requirements'] },
    ),
  },
  { ...PLAIN, requiredKeys: ['etag', 'values'] },
);

export const product: fc.Arbitrary<Product> = fc.record(
  { file: productFile, versions: fc.dictionary(versionName, version, { ...PLAIN, maxKeys: 4 }) },
  { ...PLAIN, requiredKeys: ['versions'] },
);

export const settings: fc.Arbitrary<Settings> = fc.record(
  {
    clients,
    aliases: fc.constantFrom(DEFAULT_ALIASES, [], [{ template: 'all' }], [{ template: '{os}' }]),
    edgeSeconds: fc.nat(),
  },
  PLAIN,
);

/**
 * Any catalog that a reader may meet. It has the right form, but random files, states and stored
 * digests. The guarantees of `settle`, for example that each fingerprint occurs once, do not hold.
 */
export const catalog: fc.Arbitrary<Catalog> = fc.record(
  {
    schema: fc.constant(CATALOG_SCHEMA),
    store: fc.uuid(),
    generation: fc.integer({ min: 1, max: 2_000_000_000 }),
    settings,
    products: fc
      .uniqueArray(fc.tuple(productRef.map(productName), product), {
        selector: ([name]) => name,
        maxLength: 6,
      })
      .map((entries) => Object.fromEntries(entries)),
    ignored: fc.constant({ count: 0, first: [] }),
  },
  PLAIN,
);
