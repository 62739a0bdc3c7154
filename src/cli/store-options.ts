import { join, resolve } from 'node:path';

import { createHasher } from '../images/hasher.ts';
import type { Logger } from '../log/logger.ts';
import { createContext, type PipelineContext } from '../pipeline/context.ts';
import { openDirectoryStore } from '../storage/directory-store.ts';
import type { OptionSpecs, OptionValues } from './arguments.ts';
import type { Invocation } from './command.ts';
import type { ExitCode } from './exit.ts';

/** Options of every command that touches a store. */
export const STORE_OPTIONS = {
  store: {
    type: 'string',
    value: 'URL',
    help: 'The store: file:DIRECTORY or s3://BUCKET?region=…&endpoint=…. Default: BUCKETSTREAMS_STORE, then the configuration, then file:./data.',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'The configuration. Default: bucketstreams.toml in the working directory, where there is one.',
  },
} as const satisfies OptionSpecs;

export type StoreValues = OptionValues<typeof STORE_OPTIONS>;

export interface OpenedStore {
  readonly context: PipelineContext;
  /** Of a directory store: its path. */
  readonly directory?: string;
  /** Of a bucket: its name. */
  readonly bucket?: string;
  /** Where serve keeps what is its own, unless told otherwise. */
  readonly stateDir: string;
}

/**
 * Opens the store that the options, the environment or the configuration name, and closes it afterwards. With
 * `use: 'read'` it need not be writable, and is not made when missing.
 */
export async function withStore<S extends OptionSpecs>(
  invocation: Pick<Invocation<S>, 'terminal' | 'log'> & { readonly values: StoreValues },
  action: (opened: OpenedStore) => Promise<ExitCode>,
  { use = 'write', settleMs }: { readonly use?: 'read' | 'write'; readonly settleMs?: number } = {},
): Promise<ExitCode> {
  const { values, terminal, log } = invocation;
  const url = values.store ?? terminal.env.BUCKETSTREAMS_STORE ?? 'file:./data';
  const directory = resolve(url.replace(/^file:(\/\/)?/, ''));
  const store = await openDirectoryStore({
    path: directory,
    use,
    settleMs,
    onSkipped: skipReporter(log),
  });
  const hasher = createHasher();
  try {
    const context = createContext({ store, hasher, log });
    return await action({ context, directory, stateDir: join(directory, '.bucketstreams') });
  } finally {
    await hasher.close();
    await store.close();
  }
}

/** Tells of each thing that is skipped once in the life of the process. */
function skipReporter(log: Logger): (key: string, reason: string) => void {
  const told = new Set<string>();
  return (key, reason) => {
    if (told.has(key) || told.size > 10_000) return;
    told.add(key);
    log('warn', 'not indexed', { key, reason });
  };
}
