import type { RootFormat } from './formats.ts';
import { CHECKSUMS_FILE, REMOVED_FILE } from './layout.ts';

/** The two families of clients. LXD reads `lxd.tar.xz` items only, Incus `incus.tar.xz` items only. */
export type Client = 'lxd' | 'incus';
export const CLIENTS: readonly Client[] = ['lxd', 'incus'];

/** How clients start an image. They treat every unified image as a container. */
export type ImageType = 'container' | 'virtual-machine';

export type MetadataFile = 'lxd.tar.xz' | 'incus.tar.xz';
export type UnifiedFile = 'lxd_combined.tar.gz' | 'incus_combined.tar.gz';

/** The metadata and unified files of each client, in order of preference. The names are also the ftypes. */
export const METADATA_FILE: Readonly<Record<Client, MetadataFile>> = {
  lxd: 'lxd.tar.xz',
  incus: 'incus.tar.xz',
};
export const UNIFIED_FILE: Readonly<Record<Client, UnifiedFile>> = {
  lxd: 'lxd_combined.tar.gz',
  incus: 'incus_combined.tar.gz',
};
export const METADATA_FILES: readonly MetadataFile[] = Object.values(METADATA_FILE);
export const UNIFIED_FILES: readonly UnifiedFile[] = Object.values(UNIFIED_FILE);

/**
 * The names for files without a name of their own. If such a file is the only one of its kind, it serves both
 * clients.
 */
export const DEFAULT_METADATA: MetadataFile = METADATA_FILE.lxd;
export const DEFAULT_UNIFIED: UnifiedFile = UNIFIED_FILE.lxd;

/**
 * The ftypes of a root that both clients accept (shared/simplestreams/products.go), in their order of preference
 * (shared/simplestreams/sort.go). A new root type needs a row here and its file's name in KINDS. A new format
 * also needs a row in `formats.ts`.
 */
const ROOTS = {
  squashfs: { hashField: 'combined_squashfs_sha256', type: 'container', format: 'squashfs' },
  'root.tar.xz': { hashField: 'combined_rootxz_sha256', type: 'container', format: 'tar' },
  'disk-kvm.img': {
    hashField: 'combined_disk-kvm-img_sha256',
    type: 'virtual-machine',
    format: 'qcow2',
  },
  'uefi1.img': { hashField: 'combined_uefi1-img_sha256', type: 'virtual-machine', format: 'qcow2' },
  'disk1.img': { hashField: 'combined_disk1-img_sha256', type: 'virtual-machine', format: 'qcow2' },
} as const satisfies Record<
  string,
  Pick<RootKind<string, string>, 'hashField' | 'type' | 'format'>
>;

type RootFtype = keyof typeof ROOTS;
/** The field of a metadata item for sha256(metadata ‖ root), the image's fingerprint. */
export type HashField = (typeof ROOTS)[RootFtype]['hashField'];

export interface RootKind<Ftype extends string = RootFtype, Field extends string = HashField> {
  readonly kind: 'root';
  readonly ftype: Ftype;
  readonly hashField: Field;
  readonly type: ImageType;
  /** The format of its bytes. `formats.ts` has the first bytes, and the test that a file is complete. */
  readonly format: RootFormat;
}

/** A file that public lists can name as an item of its own ftype. */
type ItemKind =
  | { readonly kind: 'metadata'; readonly client: Client; readonly ftype: MetadataFile }
  | RootKind
  | { readonly kind: 'unified'; readonly client: Client; readonly ftype: UnifiedFile };

export type FileKind =
  | ItemKind
  | { readonly kind: 'delta' }
  | { readonly kind: 'checksums' }
  | { readonly kind: 'removed' };

const KINDS: Readonly<Record<string, FileKind>> = {
  ...Object.fromEntries(CLIENTS.map((client) => [METADATA_FILE[client], metadata(client)])),
  'rootfs.squashfs': root('squashfs'),
  'rootfs.tar.xz': root('root.tar.xz'),
  'root.tar.xz': root('root.tar.xz'),
  'disk.qcow2': root('disk-kvm.img'),
  'disk-kvm.img': root('disk-kvm.img'),
  'disk1.img': root('disk1.img'),
  'uefi1.img': root('uefi1.img'),
  ...Object.fromEntries(CLIENTS.map((client) => [UNIFIED_FILE[client], unified(client)])),
  [CHECKSUMS_FILE]: { kind: 'checksums' },
  [REMOVED_FILE]: { kind: 'removed' },
};

/** A safe name as in `layout.ts`. A file in a deeper folder is not a file of the version. */
const DELTA_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.vcdiff$/;

function metadata(client: Client): FileKind {
  return { kind: 'metadata', client, ftype: METADATA_FILE[client] };
}

function unified(client: Client): FileKind {
  return { kind: 'unified', client, ftype: UNIFIED_FILE[client] };
}

function root(ftype: RootFtype): RootKind {
  return { kind: 'root', ftype, ...ROOTS[ftype] };
}

/** Returns the kind of a version's file from its name; undefined for other names. */
export function fileKind(name: string): FileKind | undefined {
  if (Object.hasOwn(KINDS, name)) return KINDS[name];
  return DELTA_NAME.test(name) ? { kind: 'delta' } : undefined;
}

/** All known names. Of two names with the same ftype, the first is preferred. */
export const FILE_NAMES: readonly string[] = Object.keys(KINDS);

/** The names of roots, in the same order. */
export const ROOT_FILES: readonly string[] = FILE_NAMES.filter((name) => rootKind(name));

/** All kinds of roots, one for each ftype, in the clients' order of preference. */
export const ROOT_KINDS: readonly RootKind[] = Object.keys(ROOTS).flatMap((ftype) =>
  isRootFtype(ftype) ? [root(ftype)] : [],
);

/** Returns a record with `value` under the hash field of each root. */
export function forHashFields<T>(value: T): Readonly<Record<HashField, T>> {
  const entries = ROOT_KINDS.map(({ hashField }) => [hashField, value] as const);
  // Each field has a row.
  return Object.fromEntries(entries) as Record<HashField, T>;
}

/** Returns the kind of a root from its file's name; undefined for all other files. */
export function rootKind(name: string): RootKind | undefined {
  const kind = fileKind(name);
  return kind?.kind === 'root' ? kind : undefined;
}

export function isMetadataFile(name: string): name is MetadataFile {
  return fileKind(name)?.kind === 'metadata';
}

/** Returns the type of an image with this root or unified file. */
export function imageType(name: string): ImageType {
  return rootKind(name)?.type ?? 'container';
}

/** Returns a file name for a root of this format: `given` if it is one, else the first in the table. */
export function rootFile(format: RootFormat, given?: string): string {
  const fits = (name: string | undefined) =>
    name !== undefined && rootKind(name)?.format === format;
  const name = fits(given) ? given : ROOT_FILES.find(fits);
  if (name === undefined) throw new Error(`no file has the format ${format}`);
  return name;
}

function isRootFtype(ftype: string): ftype is RootFtype {
  return Object.hasOwn(ROOTS, ftype);
}
