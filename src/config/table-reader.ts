import { isObject } from '../json/is-object.ts';
import { ConfigError } from './config-error.ts';
import type { LineOf } from './source-lines.ts';

/** The file of a parsed TOML document, and the lines of its keys. */
export interface Source {
  readonly file: string;
  readonly lineOf: LineOf;
}

/**
 * Reads the values of one table and checks their types. `done` rejects keys that were not read. Every method
 * throws a ConfigError. The value of a missing key is undefined.
 */
export class TableReader {
  readonly #source: Source;
  readonly #path: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(source: Source, path: readonly string[], values: Readonly<Record<string, unknown>>) {
    this.#source = source;
    this.#path = path;
    this.#values = values;
  }

  /** The table's keys, in the order of the document. */
  get keys(): readonly string[] {
    return Object.keys(this.#values);
  }

  string(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw this.error(key, `is ${described(value)}`, 'write a text in quotes');
  }

  boolean(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.error(key, `is ${described(value)}`, 'write true or false');
  }

  integer(key: string, min: number, max: number): number | undefined {
    const value = this.number(key, min, max);
    if (value === undefined || Number.isInteger(value)) return value;
    throw this.error(key, `is ${value}`, `write a whole number from ${min} to ${max}`);
  }

  number(key: string, min: number, max: number): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw this.error(key, `is ${described(value)}`, `write a number from ${min} to ${max}`);
  }

  oneOf<T extends string>(key: string, words: readonly T[]): T | undefined {
    const value = this.#get(key);
    const word = words.find((candidate) => candidate === value);
    if (value === undefined || word !== undefined) return word;
    throw this.error(key, `is ${described(value)}`, `write one of ${quotedList(words)}`);
  }

  /** A list of different texts. */
  strings(key: string): readonly string[] | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    const isText = (item: unknown): item is string => typeof item === 'string' && item !== '';
    if (!Array.isArray(value) || !value.every(isText)) {
      throw this.error(key, `is ${described(value)}`, 'write a list of texts: ["…", "…"]');
    }
    const twice = value.find((item, index) => value.indexOf(item) !== index);
    if (twice === undefined) return value;
    throw this.error(key, `has ${JSON.stringify(twice)} twice`, 'remove one of the two');
  }

  /** A value of any type, which the caller checks. */
  unknown(key: string): unknown {
    return this.#get(key);
  }

  /** The table with this name; an empty one if it is missing. */
  table(key: string): TableReader {
    const value = this.#get(key) ?? {};
    if (isTable(value)) return new TableReader(this.#source, [...this.#path, key], value);
    const header = [...this.#path, key].join('.');
    throw this.error(key, `is ${described(value)}`, `write a table: [${header}]`);
  }

  /**
   * Returns the name that this table uses for a renamed key: `key`, or `old` if that is present. Throws if both
   * are.
   */
  nameOf(key: string, old: string): string {
    if (!Object.hasOwn(this.#values, old)) return key;
    if (!Object.hasOwn(this.#values, key)) return old;
    throw this.error(old, `is the old name of ${key}, which is there too`, 'remove it');
  }

  /** Throws if the table has keys that were not read. */
  done(): void {
    const unknown = this.keys.find((key) => !this.#asked.has(key));
    if (unknown === undefined) return;
    const known = [...this.#asked].sort().join(', ');
    throw this.error(unknown, 'is not known', `known here: ${known}`);
  }

  error(key: string, problem: string, remedy: string): ConfigError {
    const path = [...this.#path, key];
    const line = this.#source.lineOf(path);
    return new ConfigError({ file: this.#source.file, line, key: path.join('.') }, problem, remedy);
  }

  #get(key: string): unknown {
    this.#asked.add(key);
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && !(value instanceof Date);
}

function described(value: unknown): string {
  if (isTable(value)) return 'a table';
  if (Array.isArray(value)) return 'this list';
  if (value instanceof Date) return 'a date';
  return JSON.stringify(value);
}

function quotedList(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(', ');
}
