const MAX_LENGTH = 255;

/**
 * Why `alias` cannot be one, or undefined when it can. Clients split a product's list of aliases at commas
 * and trim nothing (shared/simplestreams/products.go); the rest nobody could type or read.
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

/** Whether there are characters in it that are not seen but act: controls, marks of direction, half pairs. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\p{Cf}\p{Cs}]/u.test(text);
}
