import { IMAGES_PREFIX, parseImageKey } from '../../images/layout.ts';
import type { Logger } from '../../log/logger.ts';
import { targetOfKey, targetOfPrefix } from '../../pipeline/indexing/targets.ts';
import { watchTree, type TreeWatcher } from './tree-watcher.ts';
import { errorText } from '../../log/error-text.ts';

/**
 * Watches the images of a directory store, including folders that are created later. Reports the prefix of every
 * version or product with a change. Resolves when later changes are seen. A scan finds the changes that a watcher
 * can miss.
 */
export function watchDirectory(
  directory: string,
  onDirty: (prefixes: readonly string[]) => void,
  log: Logger,
): Promise<TreeWatcher> {
  const reported = new Set<string>();
  let failed = false;
  return watchTree({
    root: directory,
    matters,
    onChange: (path) => {
      // Files may have appeared or disappeared together with a folder.
      const target = path.endsWith('/') ? targetOfPrefix(path) : targetOfKey(path);
      if (target !== undefined) onDirty([target.prefix]);
      else reportIgnored(path, reported, log);
    },
    onTouch: (path) => {
      const target = targetOfKey(path);
      if (target !== undefined) onDirty([target.prefix]);
    },
    onError: (error) => {
      if (failed) return;
      failed = true;
      log('warn', 'watched only in part; the periodic scan finds the rest', {
        directory,
        error: explain(error),
      });
    },
  });
}

/** Returns whether a path is below `images/` and has no name that starts with a dot. */
function matters(path: string): boolean {
  const names = path.split('/');
  return `${path}/`.startsWith(IMAGES_PREFIX) && !names.some((name) => name.startsWith('.'));
}

function reportIgnored(key: string, reported: Set<string>, log: Logger): void {
  const parsed = parseImageKey(key);
  if (parsed.kind !== 'ignored' || reported.has(key)) return;
  if (reported.size < 10_000) reported.add(key);
  log('warn', 'not indexed', { key, reason: parsed.reason });
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EMFILE') {
    return 'the system allows no more watches; raise fs.inotify.max_user_watches (or max_user_instances)';
  }
  return errorText(error);
}
