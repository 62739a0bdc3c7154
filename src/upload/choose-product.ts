import { canonicalArchitecture } from '../images/architectures.ts';
import { parseProductPath, type ProductRef } from '../images/layout.ts';

export interface ImageDescription {
  /** By precedence: what the uploader said over what the image says. */
  readonly properties: Readonly<Record<string, string>>;
  /** `architecture` of metadata.yaml. */
  readonly architecture: string;
}

/** The product folders' name for an architecture, where distributions use another than the kernel. */
const FOLDER_NAMES: Readonly<Record<string, string>> = {
  i686: 'i386',
  x86_64: 'amd64',
  armv6l: 'armel',
  armv7l: 'armhf',
  aarch64: 'arm64',
  ppc64le: 'ppc64el',
};

/**
 * The product that an alias names: `os/release/variant`, `os/release/arch/variant`, or `os/release` for
 * the variant `default`. Undefined for any other alias.
 */
export function productOfAlias(alias: string, architecture: string): ProductRef | undefined {
  const names = alias.split('/');
  const arch = archFolder(architecture);
  if (names.length === 4) return parseProductPath(alias);
  if (arch === undefined) return undefined;
  const [os, release, variant = 'default'] = names;
  if (names.length > 4 || os === undefined || release === undefined) return undefined;
  return parseProductPath([os, release, arch, variant].join('/'));
}

/** The product that an image's properties `os`, `release`, `architecture` and `variant` name. */
export function productOfProperties(image: ImageDescription): ProductRef | undefined {
  const { os, release, variant } = image.properties;
  const arch = archFolder(image.properties['architecture'] ?? image.architecture);
  if (!os || !release || arch === undefined) return undefined;
  return parseProductPath(
    [tidyName(os), tidyName(release), arch, tidyName(variant || 'default')].join('/'),
  );
}

/** The folder's name for an architecture that clients know; undefined for another. */
export function archFolder(architecture: string): string | undefined {
  const canonical = canonicalArchitecture(architecture);
  if (canonical === undefined) return undefined;
  return canonical === architecture ? (FOLDER_NAMES[canonical] ?? canonical) : architecture;
}

/** Properties are for people (`Alpine Linux`); folders and aliases are lower case, without spaces. */
function tidyName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[.-]+|-+$/g, '');
}
