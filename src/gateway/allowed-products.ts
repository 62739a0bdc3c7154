import { isKnownArchitecture, unknownArchitecture } from '../images/architectures.ts';
import { MAX_PRODUCT_NAME } from '../images/layout.ts';

/** Why no product can match a pattern of `allows`; undefined when one can. */
export function allowProblem(pattern: string): string | undefined {
  const names = pattern.split('/');
  const usable = (name: string) =>
    /^[A-Za-z0-9_*-][A-Za-z0-9._*-]*$/.test(name) &&
    name.replaceAll('*', '').length <= MAX_PRODUCT_NAME;
  if (names.length > 4 || !names.every(usable) || (names.length < 4 && !pattern.includes('*'))) {
    return 'it can match no product; write os/release/arch/variant with * for anything, / included, such as iats/* or */default';
  }
  const [, , arch = ''] = names;
  if (names.length < 4 || arch.includes('*') || isKnownArchitecture(arch)) return undefined;
  return unknownArchitecture(arch);
}
