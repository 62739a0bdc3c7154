import { FILE_NAMES, fileKind, type FileKind, type RootFtype } from '../images/file-kinds.ts';

type RootKind = Extract<FileKind, { readonly kind: 'root' }>;

/** The clients' order of preference for one version's roots (shared/simplestreams/sort.go). */
const PREFERENCE: readonly RootFtype[] = [
  'squashfs',
  'root.tar.xz',
  'disk-kvm.img',
  'uefi1.img',
  'disk1.img',
];

/** All kinds of roots, one for each ftype, in the clients' order of preference. */
export const ROOT_KINDS: readonly RootKind[] = PREFERENCE.flatMap((ftype) => {
  const kinds = FILE_NAMES.map((name) => fileKind(name));
  return kinds.find((kind) => kind?.kind === 'root' && kind.ftype === ftype) ?? [];
}).filter((kind) => kind.kind === 'root');
