import { watch, type FSWatcher } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface TreeWatcherOptions {
  readonly root: string;
  /** Returns whether to watch a relative path (with `/`) and everything below it. */
  readonly matters: (path: string) => boolean;
  /**
   * Called with the path of a new file, or of a folder that appeared, disappeared or changed. A folder's path ends
   * with `/`.
   */
  readonly onChange: (path: string) => void;
  /** Called with a path without `/` that changed or disappeared, and may have been a file or a folder. */
  readonly onTouch: (path: string) => void;
  /** Called once for each folder that cannot be watched. */
  readonly onError: (error: unknown) => void;
}

export interface TreeWatcher {
  close(): Promise<void>;
}

/**
 * Watches a tree of folders without following symbolic links. A folder is watched before it is read, so that
 * nothing that appears in between is missed. Resolves when all existing folders are watched. Existing files are
 * not reported.
 */
export async function watchTree(options: TreeWatcherOptions): Promise<TreeWatcher> {
  const { root, matters, onChange, onTouch, onError } = options;
  /** Watchers by folder path. The root's path is empty; every other path ends with `/`. */
  const folders = new Map<string, FSWatcher>();
  /** Subfolders by folder path. With them, a large tree that disappears is removed folder by folder. */
  const subfolders = new Map<string, Set<string>>();
  let closed = false;
  // Tasks run one after another: a folder may disappear while it is being added, and must be removed after that.
  let queue = Promise.resolve();
  const enqueue = (task: () => Promise<void>) => {
    queue = queue.then(() => (closed ? undefined : task())).catch(onError);
    return queue;
  };

  async function enter(folder: string, report: boolean): Promise<void> {
    try {
      const watcher = watch(join(root, folder), (event, name) => {
        // An empty name means the folder itself. The watcher of its parent reports it too.
        if (name !== null && name !== '') touch(folder + name, event === 'rename');
      });
      watcher.on('error', onError);
      folders.set(folder, watcher);
      const parent = parentOf(folder);
      if (folder !== '') subfolders.set(parent, (subfolders.get(parent) ?? new Set()).add(folder));
      for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
        const path = folder + entry.name;
        if (!matters(path)) continue;
        if (entry.isDirectory()) await enter(`${path}/`, report);
        else if (report) onChange(path);
      }
      if (report && folder !== '') onChange(folder);
    } catch (error) {
      if (!isAbsent(error)) onError(error);
    }
  }

  /** Stops watching a folder and all folders below it, even those that still exist for a moment. */
  function leave(folder: string): void {
    const watcher = folders.get(folder);
    watcher?.close();
    folders.delete(folder);
    subfolders.get(parentOf(folder))?.delete(folder);
    if (watcher) onChange(folder);
    for (const path of subfolders.get(folder) ?? []) leave(path);
    subfolders.delete(folder);
  }

  function touch(path: string, isRename: boolean): void {
    if (!matters(path)) return;
    if (!isRename) {
      if (folders.has(`${path}/`)) onChange(`${path}/`);
      else onTouch(path);
      return;
    }
    void enqueue(async () => {
      // The path may now be another folder than the watched one.
      const wasFolder = folders.has(`${path}/`);
      leave(`${path}/`);
      const stats = await lstat(join(root, path)).catch(() => undefined);
      if (stats?.isDirectory()) await enter(`${path}/`, true);
      else if (stats) onChange(path);
      // It may have been a file, or a folder that was already removed together with its parent.
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

/** Returns the path of the parent folder. The root is its own parent. */
function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
}

/** The folder disappeared again or is not a folder any more. Its parent's watcher reports that. */
function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
