import { fileKind } from '../../images/file-kinds.ts';
import {
  fileKey,
  parseImageKey,
  REMOVED_FILE,
  versionPrefix,
  type VersionRef,
} from '../../images/layout.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import {
  parseRemoval,
  REMOVAL_LIMIT,
  secondOf,
  serializeRemoval,
  type RemovalMarker,
} from '../../catalog/removal.ts';
import type { PipelineContext } from '../context.ts';
import { readBytes } from '../read-bytes.ts';

export interface RemovalRequest {
  readonly ref: VersionRef;
  /** Only these files; all files of the version when absent. */
  readonly files?: readonly string[];
}

export interface Withdrawn {
  readonly ref: VersionRef;
  /** The files that the marker lists now, with their sizes in bytes. */
  readonly files: readonly { readonly name: string; readonly size: number }[];
}

const MAX_TRIES = 10;

/**
 * Withdraws versions by writing `removed.json` beside their files. `finishRemovals` deletes the files later,
 * when no reader can be sent to them any more. The names leave the public files when the versions are
 * indexed. The event of the marker causes that; callers without events must index the prefixes themselves.
 * With `dryRun`, nothing is written.
 */
export async function removeVersions(
  context: Pick<PipelineContext, 'store' | 'pause' | 'random'>,
  requests: readonly RemovalRequest[],
  options: { readonly dryRun?: boolean } = {},
): Promise<readonly Withdrawn[]> {
  const withdrawn: Withdrawn[] = [];
  for (const request of requests) {
    withdrawn.push(await withdraw(context, request, options.dryRun === true));
  }
  return withdrawn;
}

async function withdraw(
  { store, pause, random }: Pick<PipelineContext, 'store' | 'pause' | 'random'>,
  { ref, files }: RemovalRequest,
  dryRun: boolean,
): Promise<Withdrawn> {
  const prefix = versionPrefix(ref);
  for (let attempt = 1; ; attempt++) {
    const present: { readonly name: string; readonly info: ObjectInfo }[] = [];
    let marker: ObjectInfo | undefined;
    for await (const info of store.list(prefix)) {
      const name = info.key.slice(prefix.length);
      if (name === REMOVED_FILE) marker = info;
      else if (parseImageKey(info.key).kind !== 'file') continue;
      else if (fileKind(name) !== undefined && (files === undefined || files.includes(name))) {
        present.push({ name, info });
      }
    }
    const result = { ref, files: present.map(({ name, info }) => ({ name, size: info.size })) };
    if (dryRun || present.length === 0) return result;
    const before = marker && (await withdrawnBefore(store, marker));
    const etags = present.map(({ name, info }) => [name, info.etag] as const);
    const times = present.map(({ name, info }) => [name, secondOf(info.lastModified)] as const);
    const bytes = serializeRemoval(
      { ...before?.files, ...Object.fromEntries(etags) },
      { ...before?.times, ...Object.fromEntries(times) },
    );
    try {
      await store.write(fileKey(ref, REMOVED_FILE), bytes, {
        condition: marker === undefined ? { ifAbsent: true } : { ifMatch: marker.etag },
        contentType: 'application/json',
      });
      return result;
    } catch (error) {
      const mayPass = isStoreError(error, 'precondition_failed', 'conflict', 'not_found');
      if (!mayPass || attempt >= MAX_TRIES) throw error;
      await pause(random() * 200);
    }
  }
}

async function withdrawnBefore(
  store: PipelineContext['store'],
  marker: ObjectInfo,
): Promise<Pick<RemovalMarker, 'files' | 'times'> | undefined> {
  const bytes = await readBytes(store, marker.key, { ifMatch: marker.etag, limit: REMOVAL_LIMIT });
  const parsed = parseRemoval(bytes.toString('utf8'));
  // A damaged marker withdraws nothing, so nothing is lost when it is overwritten.
  return 'problem' in parsed ? undefined : parsed;
}
