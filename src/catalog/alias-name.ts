const MAX_LENGTH = 255;

/**
 * Returns why `alias` cannot be an alias, or undefined when it can. Clients split a product's list of aliases
 * at commas and do not trim (shared/simplestreams/products.go). The other rules exclude aliases that people
 * cannot type or read.
 */
export function aliasProblem(alias: string): string | undefined {
  if (alias === '') return 'an alias is empty';
  const name = `the alias ${JSON.stringify(alias)}`;
  if (alias.length > MAX_LENGTH) return `${name} is longer than ${MAX_LENGTH} characters`;
  if (alias.includes(',')) return `${name} has a comma in it`;
  if (/\p{Z}/u.test(alias)) return `${name} has a space in it`;
  if (hasControls(alias)) return `${name} has a control character in it`;
  return undefined;
}

/**
 * Returns true for invisible characters that have an effect: controls, direction marks, half surrogate pairs.
 */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Cs}]/u.test(text);
}
