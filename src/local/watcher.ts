import { join, relative, sep } from 'node:path';
import { watch } from 'chokidar';

import { IMAGES_PREFIX, parseImageKey } from '../images/layout.ts';
import type { Logger } from '../log/logger.ts';
import { targetOfKey, targetOfPrefix } from '../pipeline/targets.ts';

export interface Watcher {
  close(): Promise<void>;
}

/**
 * Watches the images of a directory store, folders that appear later included, and reports the prefix
 * of each version or product in which anything changes. Resolves once changes from now on are seen.
 * What a watcher can miss, an enumeration finds.
 */
export async function watchDirectory(
  directory: string,
  onDirty: (prefixes: readonly string[]) => void,
  log: Logger,
): Promise<Watcher> {
  const keyOf = (path: string) => relative(directory, path).split(sep).join('/');
  const watcher = watch(directory, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => isForeign(keyOf(path)),
  });
  watcher.on('all', (event, path) => {
    const key = keyOf(path);
    // A folder that came or went may have brought or taken files.
    const target = event.endsWith('Dir') ? targetOfPrefix(`${key}/`) : targetOfKey(key);
    if (target !== undefined) onDirty([target.prefix]);
    else if (event === 'add') reportRefused(key, log);
  });
  let failed = false;
  watcher.on('error', (error) => {
    if (failed) return;
    failed = true;
    log('warn', 'the directory is watched only in part; the periodic enumeration finds the rest', {
      error: explain(error),
    });
  });
  await new Promise<void>((resolve) => watcher.once('ready', resolve));
  log('debug', 'watching', { directory: join(directory, IMAGES_PREFIX) });
  return { close: () => watcher.close() };
}

/** Whether nothing below this path can be an image: only `images/` matters, names with a dot do not. */
function isForeign(key: string): boolean {
  if (key === '') return false;
  const names = key.split('/');
  return !`${key}/`.startsWith(IMAGES_PREFIX) || names.some((name) => name.startsWith('.'));
}

function reportRefused(key: string, log: Logger): void {
  const parsed = parseImageKey(key);
  if (parsed.kind === 'refused') log('warn', 'not indexed', { key, reason: parsed.reason });
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EMFILE') {
    return 'the system allows no more watches; raise fs.inotify.max_user_watches (or max_user_instances)';
  }
  return error instanceof Error ? error.message : String(error);
}
