import assert from 'node:assert/strict';
import { canonicalArchitecture } from '../../src/images/architectures.ts';
import type { Client } from '../../src/images/file-kinds.ts';
import type {
  IndexDocument,
  ItemEntry,
  ProductsDocument,
} from '../../src/simplestreams/documents.ts';
import { parseIndex, parseProducts } from '../../src/simplestreams/parse-documents.ts';

/** An image as a client makes it from `images.json`, before it applies aliases. */
export interface ClientImage {
  readonly product: string;
  readonly version: string;
  readonly arch: string;
  readonly fingerprint: string;
  readonly type: 'container' | 'virtual-machine';
  /** The aliases of the product. */
  readonly aliases: readonly string[];
  /** The properties by which clients sort images before they apply aliases. */
  readonly properties: { readonly os: string; readonly release: string; readonly variant: string };
  /** The files that it would download: one file, or metadata and root. */
  readonly files: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
  }[];
}

/**
 * Members of the metadata item with a root's fingerprint. LXD and Incus use the first that is not
 * empty.
 */
const FINGERPRINTS: Readonly<Record<string, readonly (keyof ItemEntry)[]>> = {
  'root.tar.xz': ['combined_rootxz_sha256', 'combined_sha256'],
  squashfs: ['combined_squashfs_sha256'],
  'disk-kvm.img': ['combined_disk-kvm-img_sha256'],
  'disk1.img': ['combined_disk1-img_sha256'],
  'uefi1.img': ['combined_uefi1-img_sha256'],
};

export function readIndex(bytes: Uint8Array): IndexDocument {
  const result = parseIndex(JSON.parse(new TextDecoder().decode(bytes)));
  assert.ok('document' in result, JSON.stringify(result));
  return result.document;
}

/** Reads `images.json` as LXD's ToLXD and Incus's ToAPI do (shared/simplestreams/products.go). */
export function readImages(bytes: Uint8Array): {
  document: ProductsDocument;
  imagesFor(client: Client): ClientImage[];
} {
  const result = parseProducts(JSON.parse(new TextDecoder().decode(bytes)));
  assert.ok('document' in result, JSON.stringify(result));
  const { document } = result;
  return { document, imagesFor: (client) => clientImages(document, client) };
}

function clientImages(document: ProductsDocument, client: Client): ClientImage[] {
  const images: ClientImage[] = [];
  for (const [name, product] of Object.entries(document.products)) {
    const aliases = product.aliases === '' ? [] : product.aliases.split(',');
    for (const [version, { items }] of Object.entries(product.versions)) {
      const add = (fingerprint: string, type: ClientImage['type'], ...files: ItemEntry[]) => {
        if (fingerprint === '' || files[0]!.path === '') return;
        images.push({
          product: name,
          version,
          arch: product.arch,
          fingerprint,
          type,
          aliases,
          properties: {
            os: product.os,
            release: product.release,
            variant: product.variant ?? '',
          },
          files: files.map(({ path, sha256 = '', size }) => ({ path, sha256, size })),
        });
      };
      for (const item of Object.values(items)) {
        if (item.ftype === `${client}_combined.tar.gz`) add(item.sha256 ?? '', 'container', item);
        if (item.ftype !== `${client}.tar.xz`) continue;
        for (const root of Object.values(items)) {
          const fields = FINGERPRINTS[root.ftype];
          if (!fields) continue;
          const fingerprint = fields.map((field) => String(item[field] ?? '')).find(Boolean) ?? '';
          const isDisk = root.ftype.endsWith('.img');
          add(fingerprint, isDisk ? 'virtual-machine' : 'container', item, root);
        }
      }
    }
  }
  return images;
}

/**
 * The image of each alias, by `type architecture alias`, as LXD and Incus resolve them
 * (shared/simplestreams/sort.go, and applyAliases in simplestreams.go). Values are fingerprints.
 */
export function resolveAliases(images: readonly ClientImage[]): Readonly<Record<string, string>> {
  const resolved = new Map<string, string>();
  for (const { type, arch, aliases, fingerprint } of images.toSorted(inClientOrder)) {
    const architecture = canonicalArchitecture(arch) ?? arch;
    for (const alias of aliases.flatMap((name) => [name, `${name}/${arch}`])) {
      const key = `${type} ${architecture} ${alias}`;
      if (!resolved.has(key)) resolved.set(key, fingerprint);
    }
  }
  return Object.fromEntries([...resolved].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function inClientOrder(a: ClientImage, b: ClientImage): number {
  for (const name of ['os', 'release', 'variant'] as const) {
    if (a.properties[name] !== b.properties[name]) {
      return a.properties[name] < b.properties[name] ? -1 : 1;
    }
  }
  if (a.version !== b.version) return a.version > b.version ? -1 : 1;
  return a.arch < b.arch ? -1 : Number(a.arch > b.arch);
}
