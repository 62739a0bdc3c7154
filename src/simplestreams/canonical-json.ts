/**
 * JSON without white space whose object keys are in ascending order, so that equal values give equal
 * bytes. JSON.stringify will not do: it puts keys that look like numbers, as versions do, first.
 * Properties that are undefined are left out.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join()}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join()}}`;
  }
  return JSON.stringify(value);
}
