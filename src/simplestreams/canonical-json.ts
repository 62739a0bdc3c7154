/** Text that JSON does not escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Returns JSON without white space and with object keys in ascending order, so that equal values give equal
 * bytes. JSON.stringify would not: it puts keys that look like numbers, as versions do, first. Properties
 * that are undefined are omitted.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join()}]`;
  const fields = value as Readonly<Record<string, unknown>>;
  let members = '';
  for (const name of Object.keys(fields).sort()) {
    const field = fields[name];
    if (field === undefined) continue;
    members += `${members === '' ? '' : ','}${quoted(name)}:${canonicalJson(field)}`;
  }
  return `{${members}}`;
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
