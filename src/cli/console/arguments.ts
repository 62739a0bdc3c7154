import { parseArgs, type ParseArgsConfig } from 'node:util';

import { UsageError } from './exit.ts';
import { nearest } from './nearest.ts';

/** One option of a command, for the parser and for its help. */
export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** One letter. */
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: true;
  /** What the value is called in the help: `URL`, `SECONDS`. */
  readonly value?: string;
  /** What it does, with unit and default. */
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** The options as given; an option that was not given is undefined. */
export type OptionValues<S extends OptionSpecs> = {
  readonly [N in keyof S]?: S[N] extends { readonly type: 'boolean' }
    ? boolean
    : S[N] extends { readonly multiple: true }
      ? readonly string[]
      : string;
};

/** The words beside the options. */
export interface OperandSpec {
  /** As it appears in the help: `PRODUCT/VERSION…`. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** Reads the words after a command's name. Throws UsageError. */
export function parseArguments<S extends OptionSpecs>(
  argv: readonly string[],
  specs: S,
  operands: OperandSpec | undefined,
): { values: OptionValues<S>; operands: string[] } {
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, { type, short, multiple }] of Object.entries(specs)) {
    options[name] = { type, ...(short && { short }), ...(multiple && { multiple }) };
  }
  const parsed = parseArgs({
    args: [...argv],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Set<string>();
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw unknownOption(token.rawName, specs);
    checkValue(token.rawName, token.value, token.inlineValue ?? false, spec);
    if (given.has(token.name) && !spec.multiple && spec.type === 'string') {
      throw new UsageError(`${token.rawName} is given twice`);
    }
    given.add(token.name);
  }
  checkOperands(parsed.positionals, operands);
  return { values: parsed.values as OptionValues<S>, operands: parsed.positionals };
}

function unknownOption(rawName: string, specs: OptionSpecs): UsageError {
  const similar = nearest(rawName.replace(/^-+/, ''), Object.keys(specs));
  const hint = similar === undefined ? '' : `; did you mean --${similar}?`;
  return new UsageError(`unknown option ${rawName}${hint}`);
}

function checkValue(
  name: string,
  value: string | undefined,
  inline: boolean,
  spec: OptionSpec,
): void {
  if (spec.type === 'boolean') {
    if (inline) throw new UsageError(`${name} takes no value`);
  } else if (value === undefined || value === '') {
    throw new UsageError(`${name} needs a value: ${name} ${spec.value ?? 'VALUE'}`);
  } else if (!inline && value.startsWith('-') && value !== '-') {
    throw new UsageError(
      `${name} needs a value, and the next word is ${value}; write ${name}=${value} if that is meant`,
    );
  }
}

function checkOperands(words: readonly string[], spec: OperandSpec | undefined): void {
  const max = spec?.max ?? 0;
  const extra = words[max];
  if (extra !== undefined) throw new UsageError(`unexpected word ${JSON.stringify(extra)}`);
  if (spec !== undefined && words.length < spec.min)
    throw new UsageError(`${spec.name} is missing`);
}

/** Reads a whole number of an option; undefined when it was not given. Throws UsageError. */
export function wholeNumber(
  option: string,
  text: string | undefined,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  throw new UsageError(`${option} is ${JSON.stringify(text)}; a whole number ${range} is expected`);
}

/** Reads a number of seconds, a fraction allowed, as milliseconds; undefined when it was not given. */
export function secondsToMs(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Math.round(Number(text) * 1000);
  throw new UsageError(`${option} is ${JSON.stringify(text)}; a number of seconds is expected`);
}

/** Reads one of a few words. Throws UsageError. */
export function oneOf<T extends string>(
  option: string,
  text: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = allowed.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `${option} is ${JSON.stringify(text)}; one of ${allowed.join(', ')} is expected`,
  );
}
