import { fileKind } from '../images/file-kinds.ts';
import { IMAGES_PREFIX } from '../images/layout.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { targetOfPrefix } from '../pipeline/indexing/targets.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { RESERVATIONS_PREFIX, RECORD_FILE, STAGING_PREFIX } from './uploads-prefix.ts';

/**
 * Milliseconds after which an object in `uploads/` is abandoned. An image is placed or discarded within an hour,
 * and a gateway that stopped has this time to start again. An upload that takes longer only loses its reservation.
 * No other upload gets its version's name, because names are of the minute.
 */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

type ClearContext = Pick<PipelineContext, 'store' | 'now' | 'log'>;

/**
 * Deletes the remains of uploads whose process ended: staged images, incomplete ones, reservations, and roots
 * without metadata in a reserved version. Returns the prefixes of the versions that it changed.
 */
export async function clearUploads(options: ClearContext): Promise<string[]> {
  const { store, now, log } = options;
  const old = ({ lastModified }: ObjectInfo) => lastModified < now() - LIFETIME_MS;
  for (const [id, objects] of await stagedFolders(store)) {
    if (!objects.every(old)) continue;
    // The record is deleted first: without it, the rest of the image is never used.
    const isRecord = ({ key }: ObjectInfo) => key.endsWith(`/${RECORD_FILE}`);
    for (const info of objects.toSorted((a, b) => +isRecord(b) - +isRecord(a))) {
      await removeUnchanged(store, info);
    }
    log('warn', 'discarded what an upload left behind', { key: `${STAGING_PREFIX}${id}/` });
  }
  const touched: string[] = [];
  for await (const reservation of store.list(RESERVATIONS_PREFIX)) {
    if (!old(reservation)) continue;
    const prefix = `${IMAGES_PREFIX}${reservation.key.slice(RESERVATIONS_PREFIX.length)}/`;
    if (await clearIncomplete(store, prefix, old)) {
      touched.push(prefix);
      log('warn', 'discarded what an upload left behind', { key: prefix });
    }
    await removeUnchanged(store, reservation);
  }
  return touched;
}

/** Deletes a version that has only roots, because its upload ended before the metadata was stored. */
async function clearIncomplete(
  store: ObjectStore,
  prefix: string,
  old: (info: ObjectInfo) => boolean,
): Promise<boolean> {
  if (targetOfPrefix(prefix)?.kind !== 'version') return false;
  const files = await Array.fromAsync(store.list(prefix));
  const isAbandonedRoot = (info: ObjectInfo) =>
    old(info) && fileKind(info.key.slice(prefix.length))?.kind === 'root';
  if (files.length === 0 || !files.every(isAbandonedRoot)) return false;
  for (const info of files) await removeUnchanged(store, info);
  return true;
}

/** Returns the objects in `uploads/waiting/`, by the image's id. */
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
    // Already deleted, or written again by an upload in progress.
    if (!isStoreError(error, 'not_found', 'precondition_failed', 'conflict')) throw error;
  }
}
