/**
 * Measures the time and the memory of one `indexVersions` that indexes one new version, on a
 * directory store whose catalog already has many versions. `node bench/large-catalog.ts [versions]
 * [runs]`.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serializeCatalog } from '../src/catalog/codec.ts';
import {
  CATALOG_KEY,
  CATALOG_SCHEMA,
  type Catalog,
  type FileEntry,
  type Version,
} from '../src/catalog/document.ts';
import { settle } from '../src/catalog/settle.ts';
import type { Sha256 } from '../src/images/digests.ts';
import { CLIENTS } from '../src/images/file-kinds.ts';
import { createHasher } from '../src/hashing/hasher.ts';
import { silentLogger } from '../test/support/silent-logger.ts';
import { createContext } from '../src/pipeline/context.ts';
import { indexVersions } from '../src/pipeline/indexing/index-versions.ts';
import { publishStreams } from '../src/pipeline/documents/publish-streams.ts';
import { DEFAULT_ALIASES } from '../src/simplestreams/aliases.ts';
import { openDirectoryStore } from '../src/storage/directory/store.ts';
import type { ETag } from '../src/storage/object-store.ts';
import { line, summarise } from './harness.ts';

const VERSIONS_OF_A_PRODUCT = 50;

const versions = Number(process.argv[2] ?? 20_000);
const runs = Number(process.argv[3] ?? 5);
const path = await mkdtemp(join(tmpdir(), 'bucketstreams-bench-'));
try {
  const store = await openDirectoryStore({ path, settleMs: 0 });
  const context = createContext({
    store,
    hasher: createHasher({ threads: 0 }),
    log: silentLogger,
  });
  const catalog = catalogOf(versions);
  const bytes = serializeCatalog(catalog);
  await store.write(CATALOG_KEY, bytes);
  await publishStreams(context, catalog);
  const published = (await store.stat('streams/v1/images.json'))?.size ?? 0;
  console.log(`${versions} versions, catalog ${mb(bytes.length)}, images.json ${mb(published)}`);

  const wall: number[] = [];
  const cpu: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const prefix = `images/new/one/amd64/default/202401${String(run + 10)}/`;
    await store.write(`${prefix}lxd.tar.xz`, Buffer.from(`metadata ${run}`));
    await store.write(`${prefix}rootfs.squashfs`, Buffer.from(`root ${run}`));
    const [started, before] = [process.hrtime.bigint(), process.cpuUsage()];
    await indexVersions(context, [prefix]);
    const used = process.cpuUsage(before);
    if (run === 0) continue;
    wall.push(Number(process.hrtime.bigint() - started) / 1e9);
    cpu.push((used.user + used.system) / 1e6);
  }
  console.log(line('one version indexed', summarise(wall), ' s'));
  console.log(line('  of it processor time', summarise(cpu), ' s'));
  console.log(`peak memory ${mb(process.resourceUsage().maxRSS * 1024)}`);
  await store.close();
} finally {
  await rm(path, { recursive: true, force: true });
}

function catalogOf(count: number): Catalog {
  const settings = { clients: CLIENTS, aliases: DEFAULT_ALIASES, edgeSeconds: 0 };
  const products: Record<string, { readonly versions: Record<string, Version> }> = {};
  for (let at = 0; at < count; at += 1) {
    const product = `os:release${Math.floor(at / VERSIONS_OF_A_PRODUCT)}:amd64:default`;
    const day = new Date(Date.UTC(2020, 0, 1 + (at % VERSIONS_OF_A_PRODUCT)));
    const version = day.toISOString().slice(0, 10).replaceAll('-', '');
    (products[product] ??= { versions: {} }).versions[version] = versionOf(at, day.getTime());
  }
  return {
    schema: CATALOG_SCHEMA,
    store: 'bench',
    generation: 1,
    settings,
    products: settle(products, settings, Date.now()),
    ignored: { count: 0, first: [] },
  };
}

function versionOf(at: number, lastModified: number): Version {
  const file = (name: string, size: number): FileEntry => ({
    etag: digest(`etag ${name} ${at}`).slice(0, 32) as ETag,
    size,
    lastModified,
    sha256: digest(`${name} ${at}`),
  });
  const metadata = file('metadata', 700);
  const combined = { metadataEtag: metadata.etag, sha256: digest(`combined ${at}`) };
  return {
    state: 'pending',
    files: {
      'lxd.tar.xz': metadata,
      'rootfs.squashfs': {
        ...file('root', 123_456_789),
        combined: { 'lxd.tar.xz': combined },
      },
    },
  };
}

function digest(text: string): Sha256 {
  return createHash('sha256').update(text).digest('hex') as Sha256;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
