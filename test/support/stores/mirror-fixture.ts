import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  MIRROR_KEY,
  type MirrorDocument,
  type MirrorFilter,
} from '../../../src/mirrors/ledger/document.ts';
import { parseMirror } from '../../../src/mirrors/ledger/codec.ts';
import type { Mirror } from '../../../src/mirrors/mirror.ts';
import { readGeneration, type Revision } from '../../../src/simplestreams/generation.ts';
import { isStoreError } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import type { BodyOf } from './memory-store.ts';
import { text } from './pipeline-fixture.ts';

export const WHOLE_MASTER: MirrorFilter = { include: [], exclude: [] };

export function mirrorOf(store: ObjectStore, parts: Partial<Mirror> = {}): Mirror {
  return { name: 'test', store, copy: 'fan-out', filter: WHOLE_MASTER, ...parts };
}

export async function storedMirror(store: ObjectStore): Promise<MirrorDocument> {
  const parsed = parseMirror(
    (await text(store, MIRROR_KEY)) ?? assert.fail('there is no document'),
  );
  assert.ok(parsed.kind === 'mirror', JSON.stringify(parsed));
  return parsed.mirror;
}

/** The revision of the public images.json; undefined when there is none. */
export async function publicRevision(store: ObjectStore): Promise<Revision | undefined> {
  const body = await text(store, 'streams/v1/images.json');
  return body === undefined ? undefined : readGeneration(Buffer.from(body));
}

export interface NamedItem {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export async function namedItems(store: ObjectStore): Promise<readonly NamedItem[]> {
  const body = await text(store, 'streams/v1/images.json');
  return body === undefined ? [] : itemsIn(body);
}

/** Asserts that the store has everything that is named at this moment. */
export function assertTrue(bodyOf: BodyOf): void {
  const images = bodyOf('streams/v1/images.json');
  for (const { path, sha256 } of images === undefined ? [] : itemsIn(images.toString())) {
    const found = createHash('sha256')
      .update(bodyOf(path) ?? '')
      .digest('hex');
    assert.equal(found, sha256, `${path} is named and has other bytes, or none`);
  }
}

/** All files that an images.json names. */
export function itemsIn(body: string): NamedItem[] {
  const images = JSON.parse(body) as {
    products: Record<string, { versions: Record<string, { items: Record<string, NamedItem> }> }>;
  };
  return Object.values(images.products).flatMap(({ versions }) =>
    Object.values(versions).flatMap(({ items }) => Object.values(items)),
  );
}

/**
 * Looks once as a client that may be overtaken: the store has the bytes of every name, or the name
 * has disappeared by then. Gives the number of names.
 */
export async function observe(store: ObjectStore): Promise<number> {
  const items = await namedItems(store);
  const wrong: NamedItem[] = [];
  for (const item of items) if (!(await hasBytes(store, item))) wrong.push(item);
  if (wrong.length === 0) return items.length;
  const still = (await namedItems(store)).map(identity);
  for (const item of wrong) {
    const lie = `${item.path} is named with ${item.sha256}, which is not there`;
    assert.ok(!still.includes(identity(item)), lie);
  }
  return items.length;
}

async function hasBytes(store: ObjectStore, { path, size, sha256 }: NamedItem): Promise<boolean> {
  try {
    const hash = createHash('sha256');
    let read = 0;
    for await (const chunk of (await store.read(path)).stream as AsyncIterable<Buffer>) {
      read += chunk.length;
      hash.update(chunk);
    }
    return read === size && hash.digest('hex') === sha256;
  } catch (error) {
    if (isStoreError(error, 'not_found', 'precondition_failed')) return false;
    throw error;
  }
}

function identity({ path, sha256 }: NamedItem): string {
  return `${path} ${sha256}`;
}
