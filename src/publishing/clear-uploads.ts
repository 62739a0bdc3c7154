import { fileKind } from '../images/file-kinds.ts';
import { IMAGES_PREFIX } from '../images/layout.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { targetOfPrefix } from '../pipeline/indexing/targets.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { RESERVATIONS_PREFIX, RECORD_FILE, STAGING_PREFIX } from './uploads-prefix.ts';

/**
 * Milliseconds after which nothing in `uploads/` can be in work any more: an image is placed within an hour
 * or discarded, and a gateway that ended has this long to be started again. An upload that takes longer
 * only loses its claim, and with it its version's name to nobody: names are of the minute.
 */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

type World = Pick<PipelineContext, 'store' | 'now' | 'log'>;

/**
 * Takes away what uploads left behind that ended with their process: images that wait and halves of them,
 * claims, and under such a claim a root that nothing completes. Gives the prefixes of the versions that it
 * touched.
 */
export async function clearUploads(world: World): Promise<string[]> {
  const { store, now, log } = world;
  const old = ({ lastModified }: ObjectInfo) => lastModified < now() - LIFETIME_MS;
  for (const [id, objects] of await stagedFolders(store)) {
    if (!objects.every(old)) continue;
    // Without its record an image waits no more: then the rest is rubbish to whoever finds it.
    const isRecord = ({ key }: ObjectInfo) => key.endsWith(`/${RECORD_FILE}`);
    for (const info of objects.toSorted((a, b) => +isRecord(b) - +isRecord(a))) {
      await removeUnchanged(store, info);
    }
    log('warn', 'discarded what an upload left behind', { key: `${STAGING_PREFIX}${id}/` });
  }
  const touched: string[] = [];
  for await (const claim of store.list(RESERVATIONS_PREFIX)) {
    if (!old(claim)) continue;
    const prefix = `${IMAGES_PREFIX}${claim.key.slice(RESERVATIONS_PREFIX.length)}/`;
    if (await clearHalf(store, prefix, old)) {
      touched.push(prefix);
      log('warn', 'discarded what an upload left behind', { key: prefix });
    }
    await removeUnchanged(store, claim);
  }
  return touched;
}

/** Removes a version that is nothing but a root whose upload ended before its metadata came. */
async function clearHalf(
  store: ObjectStore,
  prefix: string,
  old: (info: ObjectInfo) => boolean,
): Promise<boolean> {
  if (targetOfPrefix(prefix)?.kind !== 'version') return false;
  const files = await Array.fromAsync(store.list(prefix));
  const half = (info: ObjectInfo) =>
    old(info) && fileKind(info.key.slice(prefix.length))?.kind === 'root';
  if (files.length === 0 || !files.every(half)) return false;
  for (const info of files) await removeUnchanged(store, info);
  return true;
}

/** What lies in `uploads/waiting/`, by the image's id. */
export async function stagedFolders(store: ObjectStore): Promise<Map<string, ObjectInfo[]>> {
  const folders = new Map<string, ObjectInfo[]>();
  for await (const info of store.list(STAGING_PREFIX)) {
    const [id = ''] = info.key.slice(STAGING_PREFIX.length).split('/');
    folders.set(id, [...(folders.get(id) ?? []), info]);
  }
  return folders;
}

async function removeUnchanged(store: ObjectStore, { key, etag }: ObjectInfo): Promise<void> {
  try {
    await store.remove(key, { ifMatch: etag });
  } catch (error) {
    // Gone, or written anew and so in work again.
    if (!isStoreError(error, 'not_found', 'precondition_failed', 'conflict')) throw error;
  }
}
