/** The two families of clients. LXD reads `lxd.tar.xz` items only, Incus `incus.tar.xz` items only. */
export type Client = 'lxd' | 'incus';
export const CLIENTS: readonly Client[] = ['lxd', 'incus'];

export type MetadataFile = 'lxd.tar.xz' | 'incus.tar.xz';
export type UnifiedFile = 'lxd_combined.tar.gz' | 'incus_combined.tar.gz';
/** The ftypes under which both clients look for a root (shared/simplestreams/products.go). */
export type RootFtype = 'squashfs' | 'root.tar.xz' | 'disk-kvm.img' | 'disk1.img' | 'uefi1.img';

export type FileKind =
  | { readonly kind: 'metadata'; readonly client: Client; readonly ftype: MetadataFile }
  | {
      readonly kind: 'root';
      readonly ftype: RootFtype;
      /** Where the metadata item carries sha256(metadata ‖ root), the image's fingerprint. */
      readonly hashField: string;
      readonly type: 'container' | 'virtual-machine';
    }
  | { readonly kind: 'unified'; readonly client: Client; readonly ftype: UnifiedFile }
  | { readonly kind: 'delta' }
  | { readonly kind: 'checksums' }
  | { readonly kind: 'removed' };

const KINDS: Readonly<Record<string, FileKind>> = {
  'lxd.tar.xz': { kind: 'metadata', client: 'lxd', ftype: 'lxd.tar.xz' },
  'incus.tar.xz': { kind: 'metadata', client: 'incus', ftype: 'incus.tar.xz' },
  'rootfs.squashfs': root('squashfs', 'combined_squashfs_sha256', 'container'),
  'rootfs.tar.xz': root('root.tar.xz', 'combined_rootxz_sha256', 'container'),
  'root.tar.xz': root('root.tar.xz', 'combined_rootxz_sha256', 'container'),
  'disk.qcow2': root('disk-kvm.img', 'combined_disk-kvm-img_sha256', 'virtual-machine'),
  'disk-kvm.img': root('disk-kvm.img', 'combined_disk-kvm-img_sha256', 'virtual-machine'),
  'disk1.img': root('disk1.img', 'combined_disk1-img_sha256', 'virtual-machine'),
  'uefi1.img': root('uefi1.img', 'combined_uefi1-img_sha256', 'virtual-machine'),
  'lxd_combined.tar.gz': { kind: 'unified', client: 'lxd', ftype: 'lxd_combined.tar.gz' },
  'incus_combined.tar.gz': { kind: 'unified', client: 'incus', ftype: 'incus_combined.tar.gz' },
  SHA256SUMS: { kind: 'checksums' },
  'removed.json': { kind: 'removed' },
};

/** A safe name as `layout.ts` has it: what lies in a folder deeper is no file of the version. */
const DELTA_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*\.vcdiff$/;

function root(
  ftype: RootFtype,
  hashField: string,
  type: 'container' | 'virtual-machine',
): FileKind {
  return { kind: 'root', ftype, hashField, type };
}

/** What a file of a version is, by its name; undefined for a name that means nothing here. */
export function fileKind(name: string): FileKind | undefined {
  if (Object.hasOwn(KINDS, name)) return KINDS[name];
  return DELTA_NAME.test(name) ? { kind: 'delta' } : undefined;
}

/** All recognised names in the order in which one is preferred to another of the same ftype. */
export const FILE_NAMES: readonly string[] = Object.keys(KINDS);

/** Both clients' metadata, in order of preference. */
export const METADATA_FILES: readonly MetadataFile[] = ['lxd.tar.xz', 'incus.tar.xz'];
export const UNIFIED_FILES: readonly UnifiedFile[] = [
  'lxd_combined.tar.gz',
  'incus_combined.tar.gz',
];
