import { isStoreProblem, parseStoreUrl, type StoreLocation } from '../src/storage/location.ts';

/** Reads a store's URL from the function's environment. The error message has `name` as its source. */
export function storeLocation(name: string, text: string | undefined): StoreLocation {
  const location = parseStoreUrl(text ?? '', process.cwd());
  if (!isStoreProblem(location)) return location;
  throw new Error(`${name} ${location.problem}; ${location.remedy}`);
}
