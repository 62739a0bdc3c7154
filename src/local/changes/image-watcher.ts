import { IMAGES_PREFIX, parseImageKey } from '../../images/layout.ts';
import type { Logger } from '../../log/logger.ts';
import { targetOfKey, targetOfPrefix } from '../../pipeline/indexing/targets.ts';
import { watchTree, type TreeWatcher } from './tree-watcher.ts';
import { errorText } from '../../log/error-text.ts';

/**
 * Watches the images of a directory store, folders that appear later included, and reports the prefix
 * of each version or product in which anything changes. Resolves once changes from now on are seen.
 * What a watcher can miss, an enumeration finds.
 */
export function watchDirectory(
  directory: string,
  onDirty: (prefixes: readonly string[]) => void,
  log: Logger,
): Promise<TreeWatcher> {
  const refused = new Set<string>();
  let failed = false;
  return watchTree({
    root: directory,
    matters,
    onChange: (path) => {
      // A folder that came or went may have brought or taken files.
      const target = path.endsWith('/') ? targetOfPrefix(path) : targetOfKey(path);
      if (target !== undefined) onDirty([target.prefix]);
      else reportRefused(path, refused, log);
    },
    onTouch: (path) => {
      const target = targetOfKey(path);
      if (target !== undefined) onDirty([target.prefix]);
    },
    onError: (error) => {
      if (failed) return;
      failed = true;
      log('warn', 'watched only in part; the periodic enumeration finds the rest', {
        directory,
        error: explain(error),
      });
    },
  });
}

/** Only `images/` matters, and no name that starts with a dot. */
function matters(path: string): boolean {
  const names = path.split('/');
  return `${path}/`.startsWith(IMAGES_PREFIX) && !names.some((name) => name.startsWith('.'));
}

function reportRefused(key: string, told: Set<string>, log: Logger): void {
  const parsed = parseImageKey(key);
  if (parsed.kind !== 'refused' || told.has(key)) return;
  if (told.size < 10_000) told.add(key);
  log('warn', 'not indexed', { key, reason: parsed.reason });
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EMFILE') {
    return 'the system allows no more watches; raise fs.inotify.max_user_watches (or max_user_instances)';
  }
  return errorText(error);
}
