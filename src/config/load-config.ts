import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import { readPublish } from './publish.ts';
import { readDelivery, readDeployment, readLog, readRetention, readServe } from './sections.ts';
import { sourceLines } from './source-lines.ts';
import { readMirrors, readStore } from './stores.ts';
import { TableReader } from './table-reader.ts';

export const CONFIG_FILE = 'bucketstreams.toml';

/**
 * Reads the configuration from `path`, or from `bucketstreams.toml` in `cwd` if it exists. Relative paths start
 * from the file's folder; without a file, from `cwd`. Rejects with a ConfigError.
 */
export async function loadConfig(options: {
  readonly path?: string;
  readonly cwd: string;
}): Promise<Config> {
  const file = path.resolve(options.cwd, options.path ?? CONFIG_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && options.path === undefined) return defaultConfig(options.cwd);
    const problem = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${message})`;
    throw new ConfigError({ file }, problem, 'give the path of a configuration with --config', {
      cause: error,
    });
  }
  return { file, ...parseConfig(decode(bytes, file), file) };
}

/** Returns the defaults. The store is a directory in `cwd`. */
export function defaultConfig(cwd: string): Config {
  return parseConfig('', path.join(cwd, CONFIG_FILE));
}

/** Parses the text of a configuration. `file` is its absolute path. Throws ConfigError. */
export function parseConfig(text: string, file: string): Config {
  const base = path.dirname(file);
  const root = new TableReader({ file, lineOf: sourceLines(text) }, [], parseToml(text, file));
  const store = readStore(root.table('store'), base);
  const mirrors = readMirrors(root.table('mirrors'), base, store);
  const config = {
    store,
    mirrors,
    publish: readPublish(root.table('publish')),
    delivery: readDelivery(root.table('delivery'), mirrors),
    retention: readRetention(root.table('retention')),
    log: readLog(root.table('log')),
    serve: readServe(root.table('serve'), base),
    deployment: readDeployment(root.table('deployment')),
  };
  root.done();
  return config;
}

function parseToml(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line of the message says what is wrong. The rest shows the lines of the file.
    const problem = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw new ConfigError({ file, line: error.line }, problem, 'see https://toml.io for the form', {
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigError({ file }, 'is not UTF-8', 'save it as UTF-8', { cause: error });
  }
}
