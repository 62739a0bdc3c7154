import { createHash } from 'node:crypto';
import {
  CATALOG_SCHEMA,
  type Catalog,
  type Combined,
  type FileEntry,
  type Product,
  type Version,
} from '../../../src/catalog/document.ts';
import { parseSha256, type Sha256 } from '../../../src/images/digests.ts';
import { fileKind, METADATA_FILES } from '../../../src/images/file-kinds.ts';
import { fileKey, parseProductName } from '../../../src/images/layout.ts';
import { DEFAULT_ALIASES } from '../../../src/simplestreams/aliases.ts';
import type { ETag } from '../../../src/storage/object-store.ts';

/** One product for every form in which an image can be listed, and one that must not be listed. */
const NAMES = {
  ancestor: 'iats:xenial:amd64:default',
  bothClients: 'debian:bookworm:amd64:default',
  otherArchitecture: 'debian:bookworm:arm64:default',
  unified: 'alpine:3.20:amd64:default',
  disks: 'ubuntu:24.04:amd64:cloud',
  unfinished: 'fedora:41:amd64:default',
};

const ETAG = 'golden' as ETag;

/** The bytes of the golden image files: each has its key as a line. */
export const goldenFiles = new Map<string, Buffer>();

export const goldenCatalog: Catalog = {
  schema: CATALOG_SCHEMA,
  store: '6f2c1a52-7d0e-4f5e-9a53-0c9f2f1b7a10',
  generation: 1_700_000_042,
  settings: { clients: ['lxd', 'incus'], aliases: DEFAULT_ALIASES, edgeSeconds: 0 },
  products: {
    [NAMES.ancestor]: {
      versions: {
        ...version(NAMES.ancestor, '20180716_12:00', ['lxd.tar.xz', 'rootfs.squashfs']),
        ...version(NAMES.ancestor, '20180717', ['lxd.tar.xz', 'rootfs.squashfs', 'disk.qcow2']),
        ...version(NAMES.ancestor, '20180718', ['rootfs.squashfs'], { state: 'incomplete' }),
      },
    },
    [NAMES.bothClients]: {
      file: {
        etag: ETAG,
        values: {
          aliases: ['debian/stable', 'ñandú'],
          releaseTitle: 'Debian 12 “Bookworm”',
          requirements: { secureboot: 'false', cgroup: 'v2' },
          supportEol: '2028-06-30',
        },
      },
      versions: version(NAMES.bothClients, '20240101_0800', [
        'lxd.tar.xz',
        'incus.tar.xz',
        'rootfs.squashfs',
        'rootfs.squashfs.vcdiff',
        'rootfs.tar.xz',
        'SHA256SUMS',
      ]),
    },
    [NAMES.otherArchitecture]: {
      versions: version(NAMES.otherArchitecture, '20240101', ['incus.tar.xz', 'rootfs.tar.xz']),
    },
    [NAMES.unified]: {
      versions: version(NAMES.unified, '20240601', ['lxd_combined.tar.gz']),
    },
    [NAMES.disks]: {
      versions: version(
        NAMES.disks,
        '20240601.1',
        ['lxd.tar.xz', 'disk-kvm.img', 'disk1.img', 'uefi1.img'],
        { withheld: [{ file: 'disk1.img', client: 'incus', reason: 'the golden one' }] },
      ),
    },
    [NAMES.unfinished]: {
      versions: version(NAMES.unfinished, '20241101', ['lxd.tar.xz'], { state: 'incomplete' }),
    },
  } satisfies Record<string, Product>,
  ignored: { count: 1, first: [{ key: 'images/a b', reason: 'it is golden' }] },
};

export const emptyCatalog: Catalog = { ...goldenCatalog, generation: 1, products: {} };

function version(
  name: string,
  versionName: string,
  files: readonly string[],
  more: Partial<Version> = {},
): Record<string, Version> {
  const product = parseProductName(name);
  if (!product) throw new Error(name);
  const bytes = new Map(
    files.map((file) => {
      const key = fileKey({ product, version: versionName }, file);
      goldenFiles.set(key, Buffer.from(`${key}\n`));
      return [file, Buffer.from(`${key}\n`)] as const;
    }),
  );
  const entries = [...bytes].map(([file, body]) => [file, entry(file, body, bytes)] as const);
  return {
    [versionName]: { state: 'published', files: Object.fromEntries(entries), ...more },
  };
}

function entry(file: string, body: Buffer, all: ReadonlyMap<string, Buffer>): FileEntry {
  const base = {
    etag: ETAG,
    size: body.length,
    lastModified: 1_700_000_000_000,
    sha256: sha(body),
  };
  if (fileKind(file)?.kind !== 'root') return base;
  const combined = METADATA_FILES.flatMap((metadata): [string, Combined][] => {
    const prefix = all.get(metadata);
    return prefix ? [[metadata, { metadataEtag: ETAG, sha256: sha(prefix, body) }]] : [];
  });
  return { ...base, combined: Object.fromEntries(combined) };
}

function sha(...parts: readonly Buffer[]): Sha256 {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return parseSha256(hash.digest('hex'))!;
}
