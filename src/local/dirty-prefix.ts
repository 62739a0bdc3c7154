import { parseImageKey, productPrefix, versionPrefix } from '../images/layout.ts';

/**
 * The version or product that a change of this key concerns, as the prefix to index anew; undefined when
 * it concerns none. A folder is given with its slash: one that came or went may bring or take files.
 */
export function prefixOfKey(key: string): string | undefined {
  const folder = key.endsWith('/');
  const parsed = parseImageKey(folder ? `${key}x` : key);
  switch (parsed.kind) {
    case 'file':
      return versionPrefix(parsed.ref);
    case 'product-file':
      return folder ? undefined : productPrefix(parsed.product);
    case 'ignored':
    case 'refused':
      return undefined;
  }
}
