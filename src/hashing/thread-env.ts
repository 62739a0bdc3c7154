import { getCompileCacheDir } from 'node:module';

/**
 * Returns the environment for threads, with the compile cache of this process. Threads do not inherit a cache
 * that was enabled by a call.
 */
export function threadEnv(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache };
}
