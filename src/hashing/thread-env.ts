import { getCompileCacheDir } from 'node:module';

/** A compile cache that the process switched on by a call would else not be known to its threads. */
export function threadEnv(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache };
}
