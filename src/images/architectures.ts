/**
 * The architecture names of LXD and Incus, and the aliases that they accept (shared/osarch/architectures.go in
 * both). They silently skip a product with any other name.
 */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  i686: ['i386', 'i586', '386', 'x86', 'generic_32'],
  // Only LXD has amd64v3. Only Incus has x86_64_v1 to x86_64_v4.
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

/** Returns the name that the clients use internally; undefined if neither client accepts `name`. */
export function canonicalArchitecture(name: string): string | undefined {
  return CANONICAL.get(name);
}

/** Returns the message for a product with an architecture that neither client accepts. */
export function unknownArchitecture(name: string): string {
  return `neither LXD nor Incus knows the architecture ${JSON.stringify(name)}, so no client would list the image. Write the third name as they do: amd64, arm64, armhf, riscv64 …`;
}

/** Returns whether LXD or Incus accepts this name of an architecture. */
export function isKnownArchitecture(name: string): boolean {
  return CANONICAL.has(name);
}
