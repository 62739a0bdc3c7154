import { Option } from 'commander';

import { UsageError } from './exit.ts';

/** Reads an option's value. `name`, such as `--port`, is for messages. Throws UsageError. */
type Read<T> = (text: string, name: string) => T;

/** An option that is allowed once. `read` converts its text. */
export function value<const F extends string, T>(flags: F, help: string, read: Read<T>) {
  const option = new Option(flags, help);
  return option.argParser((given: string, previous: T | undefined): T | undefined => {
    const name = nameOf(option);
    if (previous !== undefined) throw new UsageError(`${name} is given twice`);
    return read(present(given, option), name);
  });
}

/** An option with a text value, allowed once. */
export function text<const F extends string>(flags: F, help: string) {
  return value(flags, help, (given) => given);
}

/** An option with a text value that may be repeated. */
export function texts<const F extends string>(flags: F, help: string) {
  const option = new Option(flags, `${help} May be given several times.`);
  return option.argParser((given: string, previous: readonly string[] | undefined) => [
    ...(previous ?? []),
    present(given, option),
  ]);
}

/** An option with one of a few words as its value. */
export function choice<const F extends string, const W extends string>(
  flags: F,
  help: string,
  words: readonly W[],
) {
  const option = value(flags, help, oneOf(words));
  option.argChoices = [...words];
  return option;
}

/** Reads a whole number. */
export function wholeNumber({ min = 0, max = Number.MAX_SAFE_INTEGER }): Read<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  return (given, name) => {
    const number = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new UsageError(
      `${name} is ${JSON.stringify(given)}; a whole number ${range} is expected`,
    );
  };
}

/** Reads a port; 0 means any free one. */
export const port = wholeNumber({ max: 65_535 });

/** Reads seconds, with an optional fraction, as milliseconds. */
export function seconds(given: string, name: string): number {
  if (/^\d{1,9}(\.\d{1,3})?$/.test(given)) return Math.round(Number(given) * 1000);
  throw new UsageError(`${name} is ${JSON.stringify(given)}; a number of seconds is expected`);
}

/** Reads one of a few words. */
export function oneOf<const W extends string>(words: readonly W[]): Read<W> {
  return (given, name) => {
    const found = words.find((word) => word === given);
    if (found !== undefined) return found;
    throw new UsageError(
      `${name} is ${JSON.stringify(given)}; one of ${words.join(', ')} is expected`,
    );
  };
}

function nameOf({ long, short, flags }: Option<string>): string {
  return long ?? short ?? flags;
}

function present(given: string, option: Option<string>): string {
  if (given !== '') return given;
  const [, placeholder = 'VALUE'] = /<(.*)>/.exec(option.flags) ?? [];
  const name = nameOf(option);
  throw new UsageError(`${name} needs a value: ${name} ${placeholder}`);
}
