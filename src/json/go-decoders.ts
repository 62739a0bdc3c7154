import * as strict from './decoders.ts';
import type { Decoder, Fields } from './decoders.ts';
import { isObject } from './is-object.ts';
import { within, wrong } from './problem.ts';

/**
 * Decoders that read a value as Go's encoding/json reads it into a variable of one type: a variable stays at
 * its zero value where the JSON has null or nothing.
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

/** For a field whose absence differs from its zero value. */
export function optional<T>(decode: Decoder<T>): Decoder<T | undefined> {
  return orZero<T | undefined>(decode, undefined);
}

/** An object with these fields; others are ignored. Go takes a field's name in any case. */
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
    // Copied, not computed: a hostile list has millions of empty objects.
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
