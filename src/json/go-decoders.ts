import * as strict from './decoders.ts';
import type { Decoder, Fields } from './decoders.ts';
import { isObject } from './is-object.ts';
import { within, wrong } from './problem.ts';

/**
 * Decoders that read a value like Go's encoding/json reads it into a variable of one type. The variable keeps
 * its zero value if the JSON value is null or absent.
 */
function orZero<T>(decode: Decoder<T>, zero: T): Decoder<T> {
  return (value) => (value === null || value === undefined ? zero : decode(value));
}

export const text = orZero(strict.text, '');

export const integer = orZero<number>(
  (value) => (Number.isSafeInteger(value) ? Number(value) : wrong('an integer', value)),
  0,
);

export const flag = orZero<boolean>(
  (value) => (typeof value === 'boolean' ? value : wrong('true or false', value)),
  false,
);

export function listOf<T>(item: Decoder<T>): Decoder<readonly T[]> {
  return orZero(strict.listOf(item), []);
}

export function mapOf<T>(item: Decoder<T>): Decoder<Readonly<Record<string, T>>> {
  return orZero(strict.recordOf(item), {});
}

/** For a field whose absence means something else than its zero value. */
export function optional<T>(decode: Decoder<T>): Decoder<T | undefined> {
  return orZero<T | undefined>(decode, undefined);
}

/** An object with these fields. Other fields are ignored. Go ignores upper and lower case in field names. */
export function struct<T extends object>(fields: Fields<T>): Decoder<T> {
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]));
  const decoders = new Map<string, Decoder<unknown>>(Object.entries(fields));
  const zero = Object.fromEntries(
    [...decoders]
      .map(([name, decode]) => [name, decode(undefined)] as const)
      .filter(([, value]) => value !== undefined),
  );
  return (value) => {
    const members = value ?? {};
    if (!isObject(members)) return wrong('an object', value);
    // The zero values are copied, not computed again: a hostile list may have millions of empty objects.
    const found: Record<string, unknown> = { ...zero };
    let at = '';
    try {
      for (at of Object.keys(members)) {
        const name = decoders.has(at) ? at : names.get(at.toLowerCase());
        const decode = name === undefined ? undefined : decoders.get(name);
        if (name === undefined || !decode) continue;
        const decoded = decode(members[at]);
        if (decoded !== undefined) found[name] = decoded;
      }
    } catch (error) {
      throw within(error, at);
    }
    // Every field of T has been through its own decoder.
    return found as T;
  };
}
