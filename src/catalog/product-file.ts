import { parse, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import { aliasProblem, hasControls } from './alias-name.ts';
import type { ProductValues } from './document.ts';

const MAX_LENGTH = 65_536;
const MAX_TITLE_LENGTH = 255;
const MAX_DEPTH = 8;
const KEYS = ['aliases', 'release_title', 'requirements', 'support_eol'];

type Writable = { -readonly [Name in keyof ProductValues]: ProductValues[Name] };

/** A problem in the file. `key` is the name of the wrong entry. */
class Wrong extends Error {
  readonly key: string | undefined;

  constructor(problem: string, key?: string) {
    super(problem);
    this.key = key;
  }
}

/**
 * Parses a `product.toml` strictly. A value of a wrong type must never reach `images.json`: every client
 * would then reject that whole file. The problem states what is wrong and, when it is known, the line.
 *
 *     aliases = ["debian/stable"]
 *     release_title = "Bookworm"
 *     support_eol = "2028-06-30"
 *     [requirements]
 *     secureboot = "false"
 */
export function parseProductFile(
  text: string,
): { readonly values: ProductValues } | { readonly problem: string } {
  try {
    if (text.length > MAX_LENGTH) throw new Wrong(`it is larger than ${MAX_LENGTH} characters`);
    return { values: readValues(parse(text, { maxDepth: MAX_DEPTH })) };
  } catch (error) {
    if (error instanceof TomlError) return { problem: describe(error) };
    if (!(error instanceof Wrong)) throw error;
    const line = error.key === undefined ? undefined : lineOf(text, error.key);
    return { problem: line === undefined ? error.message : `line ${line}: ${error.message}` };
  }
}

function readValues(table: TomlTable): ProductValues {
  for (const key of Object.keys(table)) {
    if (KEYS.includes(key)) continue;
    throw new Wrong(`${JSON.stringify(key)} is no known name; known are ${KEYS.join(', ')}`, key);
  }
  const values: Writable = { aliases: [], requirements: {} };
  const { aliases, release_title: title, requirements, support_eol: eol } = table;
  if (aliases !== undefined) values.aliases = readAliases(aliases);
  if (title !== undefined) values.releaseTitle = readTitle(title);
  if (requirements !== undefined) values.requirements = readRequirements(requirements);
  if (eol !== undefined) values.supportEol = readDate(eol);
  return values;
}

function readAliases(value: TomlValue): readonly string[] {
  if (!Array.isArray(value)) throw new Wrong('aliases is not a list of strings', 'aliases');
  const aliases = value.map((alias) => {
    if (typeof alias !== 'string') throw new Wrong('aliases is not a list of strings', 'aliases');
    const problem = aliasProblem(alias);
    if (problem !== undefined) throw new Wrong(problem, 'aliases');
    return alias;
  });
  return [...new Set(aliases)];
}

function readTitle(value: TomlValue): string {
  const key = 'release_title';
  if (typeof value !== 'string') throw new Wrong(`${key} is not a string`, key);
  if (value === '') throw new Wrong(`${key} is empty`, key);
  if (value.length > MAX_TITLE_LENGTH) {
    throw new Wrong(`${key} is longer than ${MAX_TITLE_LENGTH} characters`, key);
  }
  if (hasControls(value)) throw new Wrong(`${key} has a control character in it`, key);
  return value;
}

function readRequirements(value: TomlValue): Readonly<Record<string, string>> {
  const problem = 'requirements is not a table of strings';
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date) {
    throw new Wrong(problem, 'requirements');
  }
  const entries = Object.entries(value).map(([name, requirement]): [string, string] => {
    if (typeof requirement !== 'string') {
      throw new Wrong(`the requirement ${JSON.stringify(name)} is not a string: quote it`, name);
    }
    if (name === '' || hasControls(name) || hasControls(requirement)) {
      throw new Wrong(
        `the requirement ${JSON.stringify(name)} is empty or has a control character in it`,
        'requirements',
      );
    }
    return [name, requirement];
  });
  return Object.fromEntries(entries);
}

function readDate(value: TomlValue): string {
  const key = 'support_eol';
  // A bare TOML date is not accepted: the parser takes 30 February for 2 March.
  if (typeof value !== 'string') throw new Wrong(`${key} is not a string: quote the date`, key);
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value)?.map(Number) ?? [];
  if (year !== undefined && month !== undefined && day !== undefined) {
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    if (date.toISOString().startsWith(value)) return value;
  }
  throw new Wrong(`${key} is ${JSON.stringify(value)}, not a date as YYYY-MM-DD`, key);
}

/** Returns the line that sets `key` in one of the usual forms. The parser does not report it. */
function lineOf(text: string, key: string): number | undefined {
  const name = key.replaceAll(/[^\w]/g, '\\$&');
  const setting = new RegExp(`^\\s*(\\[+\\s*)?["']?${name}["']?\\s*[=.\\]]|\\b${name}\\s*=`);
  const index = text.split('\n').findIndex((line) => setting.test(line));
  return index < 0 ? undefined : index + 1;
}

/** Returns the parser's message without its excerpt of the file, which has several lines. */
function describe(error: TomlError): string {
  const [first = ''] = error.message.split('\n');
  return `line ${error.line}: ${first.replace('Invalid TOML document', 'it is no TOML')}`;
}
