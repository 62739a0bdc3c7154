/** Reads one JSON value as Go's encoding/json would read it into a variable of one type. */
export type Decoder<T> = (value: unknown, path: string) => T;

/** What is wrong with a document, and where. */
export class DocumentProblem extends Error {
  override readonly name = 'DocumentProblem';
}

// Go leaves a variable at its zero value where the JSON has null or nothing.

export const text: Decoder<string> = (value, path) => {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : wrong('a string', value, path);
};

export const integer: Decoder<number> = (value, path) => {
  if (value === null || value === undefined) return 0;
  return Number.isSafeInteger(value) ? Number(value) : wrong('an integer', value, path);
};

export const flag: Decoder<boolean> = (value, path) => {
  if (value === null || value === undefined) return false;
  return typeof value === 'boolean' ? value : wrong('true or false', value, path);
};

export function listOf<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value, path) => {
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value)) return wrong('a list', value, path);
    return value.map((member, i) => item(member, `${path}[${i}]`));
  };
}

export function mapOf<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return (value, path) => {
    const members = membersOf(value, path);
    return Object.fromEntries(
      members.map(([key, member]) => [key, item(member, `${path}[${JSON.stringify(key)}]`)]),
    );
  };
}

/** For a field whose absence is worth telling from its zero value. */
export function optional<T>(decode: Decoder<T>): Decoder<T | undefined> {
  return (value, path) => (value === null || value === undefined ? undefined : decode(value, path));
}

/** An object with these fields; others are ignored. Go takes a field's name in any case. */
export function struct<T extends object>(fields: {
  readonly [Name in keyof T]-?: Decoder<T[Name]>;
}): Decoder<T> {
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const decoders = new Map<string, Decoder<unknown>>(Object.entries(fields));
  const zero = Object.fromEntries(
    [...decoders]
      .map(([name, decode]) => [name, decode(undefined, name)] as const)
      .filter(([, value]) => value !== undefined),
  );
  return (value, path) => {
    // Copied, not computed: a hostile list has millions of empty objects.
    const found: Record<string, unknown> = { ...zero };
    for (const [key, member] of membersOf(value, path)) {
      const name = decoders.has(key) ? key : names.get(key.toLowerCase());
      const decode = name === undefined ? undefined : decoders.get(name);
      if (name === undefined || !decode) continue;
      const decoded = decode(member, path === '' ? key : `${path}.${key}`);
      if (decoded !== undefined) found[name] = decoded;
    }
    // Every field of T has been through its own decoder.
    return found as T;
  };
}

function membersOf(value: unknown, path: string): [string, unknown][] {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return wrong('an object', value, path);
  return Object.entries(value);
}

function wrong(expected: string, value: unknown, path: string): never {
  throw new DocumentProblem(
    `${path || 'the document'}: ${describe(value)} where ${expected} belongs`,
  );
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a string' : JSON.stringify(value);
}
