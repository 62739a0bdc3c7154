/**
 * What LXD and Incus call architectures, and the other names they take for them
 * (shared/osarch/architectures.go in both). They skip a product of any other without a word.
 */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  i686: ['i386', 'i586', '386', 'x86', 'generic_32'],
  // amd64v3 only LXD knows, x86_64_v1 to v4 only Incus.
  x86_64: ['amd64', 'generic_64', 'amd64v3', 'x86_64_v1', 'x86_64_v2', 'x86_64_v3', 'x86_64_v4'],
  armv6l: ['armel', 'arm'],
  armv7l: ['armhf', 'armhfp', 'armv7', 'armv7a_hardfp', 'armv7a_vfpv3_hardfp'],
  armv8l: [],
  aarch64: ['arm64', 'arm64_generic'],
  ppc: ['powerpc'],
  ppc64: ['powerpc64'],
  ppc64le: ['ppc64el'],
  s390x: [],
  mips: ['mipsel', 'mipsle'],
  mips64: ['mips64el', 'mips64le'],
  riscv32: [],
  riscv64: [],
  loongarch64: ['loong64'],
};

const CANONICAL: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMES).flatMap(([name, aliases]) =>
    [name, ...aliases].map((alias) => [alias, name] as const),
  ),
);

/** The name the clients use for it among themselves; undefined when neither knows it. */
export function canonicalArchitecture(name: string): string | undefined {
  return CANONICAL.get(name);
}

/** What to tell whoever names a product of an architecture that neither knows. */
export function unknownArchitecture(name: string): string {
  return `neither LXD nor Incus knows the architecture ${JSON.stringify(name)}, so no client would list the image. Write the third name as they do: amd64, arm64, armhf, riscv64 …`;
}

/** Whether LXD or Incus knows an architecture by this name. */
export function isKnownArchitecture(name: string): boolean {
  return CANONICAL.has(name);
}
