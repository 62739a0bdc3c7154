import { cp, lutimes, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { temporaryFolder } from '../temporary.ts';

const FIXTURE = fileURLToPath(new URL('../../fixtures/19521b3/', import.meta.url));

interface StoredObjects {
  /** The time in the fixtures: milliseconds since 1970 by the clock of the code that wrote them. */
  readonly now: number;
  /** The secret of the unused token. */
  readonly secret: string;
  readonly master: Readonly<Record<string, readonly [etag: string, lastModified: number]>>;
  readonly mirror: StoredObjects['master'];
}

export interface RestoredStores {
  readonly now: number;
  readonly secret: string;
  readonly masterPath: string;
  readonly master: ObjectStore;
  readonly mirror: ObjectStore;
  /** The state folder of a gateway, with the trusted clients in it. */
  readonly state: string;
}

/** A file as commit 19521b3 wrote it. */
export function storedText(path: string): Promise<string> {
  return readFile(join(FIXTURE, path), 'utf8');
}

/**
 * Copies the stores of commit 19521b3. A directory's ETags contain inodes and times, so the copied
 * documents get the ETags of the copied files. For a program it is the original store.
 */
export async function restoreStores(t: TestContext): Promise<RestoredStores> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const objects = JSON.parse(await storedText('objects.json')) as StoredObjects;
  const [masterPath, mirrorPath] = [join(folder.path, 'master'), join(folder.path, 'mirror')];
  await cp(join(FIXTURE, 'gateway'), join(folder.path, 'state/gateway'), { recursive: true });
  const known = new Map<string, string>();
  const [master, mirror] = [
    await restore('master', masterPath, objects.master, known),
    await restore('mirror', mirrorPath, objects.mirror, known),
  ];
  t.after(() => Promise.all([master.close(), mirror.close()]));
  await rewrite(join(masterPath, 'catalog'), known);
  await rewrite(join(mirrorPath, 'catalog'), known);
  const { now, secret } = objects;
  return { now, secret, masterPath, master, mirror, state: join(folder.path, 'state') };
}

/** Stores in `known` the new ETag of each old one. */
async function restore(
  name: string,
  path: string,
  objects: StoredObjects['master'],
  known: Map<string, string>,
): Promise<ObjectStore> {
  await cp(join(FIXTURE, name), path, { recursive: true });
  const store = await openDirectoryStore({ path, settleMs: 0 });
  // Markers and records contain ETags of other files, so they get their own ETags last.
  const keys = Object.keys(objects).sort((a, b) => Number(isJson(a)) - Number(isJson(b)));
  for (const key of keys) {
    const file = join(path, key);
    if (isJson(key)) await rewriteFile(file, known);
    const [etag, lastModified] = objects[key] ?? ['', 0];
    // A staged upload that is a day old would be discarded.
    if (!key.startsWith('uploads/')) {
      const seconds = (lastModified + 0.5) / 1000;
      await lutimes(file, seconds, seconds);
    }
    known.set(etag, (await store.stat(key))?.etag ?? '');
  }
  return store;
}

function isJson(key: string): boolean {
  return key.endsWith('.json');
}

async function rewrite(folder: string, known: ReadonlyMap<string, string>): Promise<void> {
  for (const name of await readdir(folder)) await rewriteFile(join(folder, name), known);
}

async function rewriteFile(path: string, known: ReadonlyMap<string, string>): Promise<void> {
  let text = await readFile(path, 'utf8');
  for (const [before, after] of known) text = text.replaceAll(`"${before}"`, `"${after}"`);
  await writeFile(path, text);
}
