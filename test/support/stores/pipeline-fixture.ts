import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Catalog, Version } from '../../../src/catalog/document.ts';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { silentLogger } from '../silent-logger.ts';
import { createContext, type PipelineContext } from '../../../src/pipeline/context.ts';
import { loadCatalog } from '../../../src/pipeline/documents/load-catalog.ts';
import { targetOfKey } from '../../../src/pipeline/indexing/targets.ts';
import { parseIndex, parseProducts } from '../../../src/simplestreams/parse-documents.ts';
import { isStoreError } from '../../../src/storage/errors.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';

/**
 * `images/…/` of a version. The default product is for tests in which the product does not matter.
 */
export function versionPath(version: string, product = 'iats/xenial/amd64/default'): string {
  return `images/${product}/${version}/`;
}

/** A fresh directory store that treats every file as complete at once. Removed after the test. */
export async function freshStore(t: TestContext): Promise<ObjectStore> {
  const path = await mkdtemp(join(tmpdir(), 'bucketstreams-pipeline-'));
  const store = await openDirectoryStore({ path, settleMs: 0 });
  t.after(async () => {
    await store.close();
    await rm(path, { recursive: true, force: true });
  });
  return store;
}

/** A context whose pauses end at once. `advance` moves its clock. */
export function testContext(
  store: ObjectStore,
  parts: Partial<PipelineContext> = {},
): PipelineContext & { advance(ms: number): void } {
  let offset = 0;
  const context = createContext({
    store,
    hasher: createHasher({ threads: 0 }),
    log: silentLogger,
    now: () => Date.now() + offset,
    pause: () => new Promise((resolve) => setImmediate(resolve)),
    ...parts,
  });
  return { ...context, advance: (ms) => void (offset += ms) };
}

/** Stores texts under keys, in the given order. Gives the prefixes to index. */
export async function put(
  store: ObjectStore,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  const prefixes = new Set<string>();
  for (const [key, content] of Object.entries(files)) {
    await store.write(key, typeof content === 'string' ? Buffer.from(content) : content);
    const prefix = targetOfKey(key)?.prefix;
    if (prefix !== undefined) prefixes.add(prefix);
  }
  return [...prefixes];
}

/** A split image whose bytes depend on `content`. */
export function splitImage(prefix: string, content: string): Record<string, string> {
  return {
    [`${prefix}lxd.tar.xz`]: `metadata of ${content}`,
    [`${prefix}rootfs.squashfs`]: `root of ${content}`,
  };
}

export async function storedCatalog(store: ObjectStore): Promise<Catalog> {
  const loaded = await loadCatalog(store);
  assert.ok(loaded, 'there is a catalog');
  return loaded.catalog;
}

export async function storedVersion(
  store: ObjectStore,
  prefix: string,
): Promise<Version | undefined> {
  const target = targetOfKey(`${prefix}x`);
  assert.ok(target?.kind === 'version');
  const { os, release, arch, variant } = target.ref.product;
  const catalog = await storedCatalog(store);
  return catalog.products[`${os}:${release}:${arch}:${variant}`]?.versions[target.ref.version];
}

export async function text(store: ObjectStore, key: string): Promise<string | undefined> {
  try {
    const body = await store.read(key);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body.stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}

/** A public file without its generation. */
export async function projection(store: ObjectStore, key: string): Promise<string | undefined> {
  return (await text(store, key))?.replace(/^\{"generation":\{[^}]*\},/, '{');
}

/**
 * Reads the public files as a client does. Checks that the store has all named files with the
 * listed size and digest, and that a client sees each fingerprint once. Gives `product version
 * ftype` of every item, and the generation.
 */
export async function readAsClient(
  store: ObjectStore,
): Promise<{ readonly items: readonly string[]; readonly generation: number }> {
  const index = await text(store, 'streams/v1/index.json');
  const images = await text(store, 'streams/v1/images.json');
  if (index === undefined || images === undefined) return { items: [], generation: 0 };
  mustParse(parseIndex(JSON.parse(index)));
  const { products } = mustParse(parseProducts(JSON.parse(images)));
  const generation = Number(/"catalog":(\d+)/.exec(images)?.[1]);
  const items: string[] = [];
  const fingerprints = new Set<string>();
  for (const [product, { versions }] of Object.entries(products)) {
    for (const [version, entry] of Object.entries(versions)) {
      for (const item of Object.values(entry.items)) {
        const bytes = Buffer.from(
          (await text(store, item.path)) ?? assert.fail(`${item.path} is named but not there`),
        );
        assert.equal(bytes.length, item.size, item.path);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), item.sha256, item.path);
        items.push(`${product} ${version} ${item.ftype}`);
        const combined = Object.entries(item).filter(([name]) => name.startsWith('combined_'));
        for (const [name, fingerprint] of combined) {
          const seen = `${item.ftype} ${name} ${String(fingerprint)}`;
          assert.ok(!fingerprints.has(seen), `${seen} is listed twice`);
          fingerprints.add(seen);
        }
      }
    }
  }
  return { items: items.sort(), generation };
}

function mustParse<T extends object>(
  parsed: { readonly document: T } | { readonly problem: string },
): T {
  if ('problem' in parsed) assert.fail(`clients cannot read it: ${parsed.problem}`);
  return parsed.document;
}
