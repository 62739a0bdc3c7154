import { isObject } from './is-object.ts';
import { DocumentProblem, within, wrong } from './problem.ts';

/**
 * Reads one JSON value as a type. It is strict: `null` is not a string and an absent value is not a list. Throws
 * DocumentProblem. Each level adds its step of the path only while a problem is thrown, so a path costs nothing
 * otherwise.
 */
export type Decoder<T> = (value: unknown) => T;

/** A decoder for each field of T, in the order in which the decoded object has them. */
export type Fields<T> = { readonly [Name in keyof T]-?: Decoder<T[Name]> };

export const text: Decoder<string> = (value) =>
  typeof value === 'string' ? value : wrong('a string', value);

/** A whole number, at least 0, that a double represents exactly. */
export const count: Decoder<number> = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : wrong('a whole number from 0 on', value);

/** A field that is stored as `true` or not at all. Any other value counts as absent. */
export const mark: Decoder<true | undefined> = (value) => (value === true ? true : undefined);

/** Accepts every value; the caller checks it. */
export const anything: Decoder<unknown> = (value) => value;

export function oneOf<const T extends string>(words: readonly T[]): Decoder<T> {
  return (value) =>
    words.find((word) => word === value) ?? wrong(`one of ${words.join(', ')}`, value);
}

/** A string that `parse` accepts. `noun` names it in the problem: "… is no time". */
export function parsed<T>(parse: (value: string) => T | undefined, noun: string): Decoder<T> {
  return (value) => {
    const found = parse(text(value));
    if (found === undefined) throw new DocumentProblem(` is no ${noun}`);
    return found;
  };
}

/** Exactly this value. */
export function exactly<const T extends string | number | boolean>(only: T): Decoder<T> {
  return (value) => {
    if (value !== only) throw new DocumentProblem(` is not ${JSON.stringify(only)}`);
    return only;
  };
}

export function listOf<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return wrong('a list', value);
    let at = 0;
    try {
      const items: T[] = [];
      for (; at < value.length; at += 1) items.push(item(value[at]));
      return items;
    } catch (error) {
      throw within(error, `[${at}]`);
    }
  };
}

/** An object with any member names that `name` accepts. */
export function recordOf<T, Name extends string = string>(
  item: Decoder<T>,
  name?: Decoder<Name>,
): Decoder<Readonly<Record<Name, T>>> {
  return (value) => {
    if (!isObject(value)) return wrong('an object', value);
    let at = '';
    try {
      const entries: [string, T][] = [];
      for (at of Object.keys(value)) {
        name?.(at);
        entries.push([at, item(value[at])]);
      }
      // fromEntries treats `__proto__` like any other name; an assignment does not.
      return Object.fromEntries(entries) as Record<Name, T>;
    } catch (error) {
      throw within(error, `[${JSON.stringify(at)}]`);
    }
  };
}

/**
 * An object with these fields. Other fields are ignored. A field that decodes to undefined is left out.
 * `storedAs` gives the names of fields that have another name in the document.
 */
export function object<T extends object>(
  fields: Fields<T>,
  storedAs: { readonly [Name in keyof T]?: string } = {},
): Decoder<T> {
  const stored = new Map<string, string | undefined>(Object.entries(storedAs));
  const decoders = Object.entries<Decoder<unknown>>(fields).map(
    ([name, decode]) => [name, stored.get(name) ?? name, decode] as const,
  );
  return (value) => {
    if (!isObject(value)) return wrong('an object', value);
    let at = '';
    try {
      const found: Record<string, unknown> = {};
      for (const [name, key, decode] of decoders) {
        at = key;
        const decoded = decode(value[key]);
        if (decoded !== undefined) found[name] = decoded;
      }
      // Every field of T has been through its own decoder.
      return found as T;
    } catch (error) {
      throw within(error, at);
    }
  };
}

/** A value that may be absent. `null` is not absent. */
export function optional<T>(decode: Decoder<T>): Decoder<T | undefined> {
  return (value) => (value === undefined ? undefined : decode(value));
}
