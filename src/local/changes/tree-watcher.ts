import { watch, type FSWatcher } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface TreeWatcherOptions {
  readonly root: string;
  /** Whether a path below the root matters, and what lies below it: relative, with `/`. */
  readonly matters: (path: string) => boolean;
  /** Told the path of a file that came, and of a folder that came, went or changed; that ends with `/`. */
  readonly onChange: (path: string) => void;
  /** Told a path, without `/`, of something that changed or went, and may have been a file or a folder. */
  readonly onTouch: (path: string) => void;
  /** Told once for each folder that cannot be watched. */
  readonly onError: (error: unknown) => void;
}

export interface TreeWatcher {
  close(): Promise<void>;
}

/**
 * Watches a tree of folders without following symbolic links. A folder is watched before it is read, so that
 * nothing that comes in between is missed, however fast a tree is filled. Resolves once all that is there
 * is watched; what was there before is not told.
 */
export async function watchTree(options: TreeWatcherOptions): Promise<TreeWatcher> {
  const { root, matters, onChange, onTouch, onError } = options;
  /** By path; the root's is empty, any other ends with `/`. */
  const folders = new Map<string, FSWatcher>();
  /** By the same paths, those directly below: a large tree that goes is left folder by folder. */
  const below = new Map<string, Set<string>>();
  let closed = false;
  // One after another: a folder that goes while it is entered must be left afterwards.
  let queue = Promise.resolve();
  const enqueue = (task: () => Promise<void>) => {
    queue = queue.then(() => (closed ? undefined : task())).catch(onError);
    return queue;
  };

  async function enter(folder: string, tell: boolean): Promise<void> {
    try {
      const watcher = watch(join(root, folder), (event, name) => {
        // An empty name is the folder's own, which the folder above it tells too.
        if (name !== null && name !== '') touch(folder + name, event === 'rename');
      });
      watcher.on('error', onError);
      folders.set(folder, watcher);
      const parent = parentOf(folder);
      if (folder !== '') below.set(parent, (below.get(parent) ?? new Set()).add(folder));
      for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
        const path = folder + entry.name;
        if (!matters(path)) continue;
        if (entry.isDirectory()) await enter(`${path}/`, tell);
        else if (tell) onChange(path);
      }
      if (tell && folder !== '') onChange(folder);
    } catch (error) {
      if (!isAbsent(error)) onError(error);
    }
  }

  /** Leaves a folder and all below it, those too that outlived it for a moment. */
  function leave(folder: string): void {
    const watcher = folders.get(folder);
    watcher?.close();
    folders.delete(folder);
    below.get(parentOf(folder))?.delete(folder);
    if (watcher) onChange(folder);
    for (const path of below.get(folder) ?? []) leave(path);
    below.delete(folder);
  }

  function touch(path: string, cameOrWent: boolean): void {
    if (!matters(path)) return;
    if (!cameOrWent) {
      if (folders.has(`${path}/`)) onChange(`${path}/`);
      else onTouch(path);
      return;
    }
    void enqueue(async () => {
      // Under the same name there may be another folder now than the one that was watched.
      const wasFolder = folders.has(`${path}/`);
      leave(`${path}/`);
      const stats = await lstat(join(root, path)).catch(() => undefined);
      if (stats?.isDirectory()) await enter(`${path}/`, true);
      else if (stats) onChange(path);
      // What it was is not known any more: a file, or a folder that was left with the one around it.
      else if (!wasFolder) onTouch(path);
    });
  }

  await enqueue(() => enter('', false));
  return {
    async close() {
      closed = true;
      await queue;
      for (const watcher of folders.values()) watcher.close();
      folders.clear();
    },
  };
}

/** The path of the folder around one; of the root's too, which is its own. */
function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
}

/** The folder went again, or is none any more: its parent's watcher tells. */
function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
