import { mirrorNameProblem } from '../facts/deployment-names.ts';
import type { MirrorConfig, StoreConfig } from './config.ts';
import { CREDENTIALS_FORMS, parseCredentials } from '../storage/credentials.ts';
import { isStoreProblem, parseStoreUrl, storeIdentity, storeUrl } from '../storage/location.ts';
import type { TableReader } from './table-reader.ts';

const DEFAULT_MASTER = 'file:./data';

/** `[store]`. Relative directories start from `base`. */
export function readStore(table: TableReader, base: string): StoreConfig {
  const store = readAddress(table, 'master', base, DEFAULT_MASTER);
  table.done();
  return store;
}

/** All sections `[mirrors.<name>]`. */
export function readMirrors(
  table: TableReader,
  base: string,
  master: StoreConfig,
): readonly MirrorConfig[] {
  const taken = new Map([[storeIdentity(master.location), 'the master']]);
  return table.keys.map((name) => {
    const problem = mirrorNameProblem(name);
    if (problem !== undefined) throw table.error(name, 'is no name of a mirror', problem);
    const section = table.table(name);
    const mirror = readMirror(name, section, base, master);
    const identity = storeIdentity(mirror.location);
    const owner = taken.get(identity);
    if (owner !== undefined) {
      const url = storeUrl(mirror.location);
      throw section.error('store', `${url} is ${owner} already`, 'give each mirror its own store');
    }
    taken.set(identity, `the mirror ${name}`);
    return mirror;
  });
}

function readMirror(
  name: string,
  table: TableReader,
  base: string,
  master: StoreConfig,
): MirrorConfig {
  const store = readAddress(table, 'store', base);
  const copy = table.oneOf('copy', ['fan-out', 'replication']) ?? 'fan-out';
  const directory = store.location.kind === 'directory' || master.location.kind === 'directory';
  if (copy === 'replication' && directory) {
    throw table.error(
      'copy',
      '"replication" is between two buckets, and one of these stores is a directory',
      'write "fan-out"',
    );
  }
  const newest = table.integer('newest', 1, 1_000_000);
  const mirror = {
    name,
    ...store,
    copy,
    include: readPatterns(table, 'include'),
    exclude: readPatterns(table, 'exclude'),
    ...(newest !== undefined && { newest }),
  };
  table.done();
  return mirror;
}

function readAddress(
  table: TableReader,
  key: string,
  base: string,
  byDefault?: string,
): StoreConfig {
  const text = table.string(key) ?? byDefault;
  if (text === undefined) {
    throw table.error(key, 'is missing', `write ${key} = "s3://BUCKET?region=REGION"`);
  }
  const location = parseStoreUrl(text, base);
  if (isStoreProblem(location)) {
    // The message does not repeat the text, because it may contain a secret.
    throw table.error(key, location.problem, location.remedy);
  }
  const source = table.string('credentials') ?? 'default';
  const credentials = parseCredentials(source);
  if (credentials === undefined) {
    throw table.error('credentials', 'is no source of credentials', `write ${CREDENTIALS_FORMS}`);
  }
  if (location.kind === 'directory' && credentials.kind !== 'default') {
    throw table.error('credentials', 'is for buckets, and this is a directory', 'remove it');
  }
  return { location, credentials };
}

function readPatterns(table: TableReader, key: string): readonly string[] {
  const patterns = table.strings(key) ?? [];
  const bad = patterns.find((text) => {
    const names = text.replace(/\/$/, '').split(/[/:]/);
    return names.length > 4 || names.some((name) => !/^[A-Za-z0-9._*-]+$/.test(name));
  });
  if (bad === undefined) return patterns;
  throw table.error(
    key,
    `has ${JSON.stringify(bad)}, which is no pattern of products`,
    'write os/release/arch/variant, with * for any name',
  );
}
