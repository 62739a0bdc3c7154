import { join, resolve } from 'node:path';

import type { Command, OptionValues } from 'commander';

import type { Config } from '../../config/config.ts';
import { createHasher } from '../../hashing/hasher.ts';
import type { Logger } from '../../log/logger.ts';
import { createContext, type PipelineContext } from '../../pipeline/context.ts';
import type { StoreLocation } from '../../storage/location.ts';
import { isStoreError, StoreError } from '../../storage/errors.ts';
import { openStore } from '../../storage/open-store.ts';
import type { ExitCode } from '../console/exit.ts';
import { withLogOptions } from '../console/log-options.ts';
import { text } from '../console/options.ts';
import { loadSettings, type CliSettings, type SettingsSource } from './settings.ts';

/** Adds the options of every command that uses a store. */
export function withStoreOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withLogOptions(
    command
      .addOption(
        text(
          '--store <URL>',
          'The store: file:DIRECTORY or s3://BUCKET?region=…&endpoint=…. Default: BUCKETSTREAMS_STORE, then the configuration, then file:./data.',
        ),
      )
      .addOption(
        text(
          '--config <FILE>',
          'The configuration. Default: bucketstreams.toml in the working directory, where there is one.',
        ),
      ),
  );
}

export interface OpenedStore {
  readonly context: PipelineContext;
  readonly config: Config;
  /** True when the configuration is about this store. */
  readonly configured: boolean;
  /** The path of a directory store. */
  readonly directory?: string;
  /** The name of a bucket. */
  readonly bucket?: string;
  /** Entries of a directory store that are not objects: the reason by key. Each listing adds to it. */
  readonly skipped: ReadonlyMap<string, string>;
  /** The default folder for the state of `serve`. */
  readonly stateDir: string;
}

export interface StoreUse {
  /** `read`: the store may be read-only, and is not created when missing. Default: `write`. */
  readonly use?: 'read' | 'write';
  /** Default: from the configuration. */
  readonly settleMs?: number;
}

/** Opens the store from the options, the environment or the configuration, and closes it afterwards. */
export async function withStore(
  source: SettingsSource,
  action: (opened: OpenedStore) => Promise<ExitCode>,
  use: StoreUse = {},
): Promise<ExitCode> {
  return withSettings(await loadSettings(source), source.terminal.env, action, use);
}

/** `withStore` for settings that are already loaded. */
export async function withSettings(
  { config, store: storeConfig, configured, log }: CliSettings,
  env: Readonly<Record<string, string | undefined>>,
  action: (opened: OpenedStore) => Promise<ExitCode>,
  { use = 'write', settleMs = config.serve.settle * 1000 }: StoreUse = {},
): Promise<ExitCode> {
  const skipped = new Map<string, string>();
  const onSkipped = skipReporter(log, skipped);
  const store = await openStore(storeConfig, { use, settleMs, env, onSkipped }).catch(
    (error: unknown) => {
      throw withRemedy(error, storeConfig.location);
    },
  );
  const hasher = createHasher();
  const { location } = storeConfig;
  const { clients, aliases } = config.publish;
  try {
    return await action({
      context: createContext({
        store,
        hasher,
        log,
        // Without a configuration about it, a store keeps the settings in its catalog.
        ...(configured && { settings: { clients, aliases } }),
      }),
      config,
      configured,
      ...(location.kind === 'directory'
        ? { directory: location.path }
        : { bucket: location.bucket }),
      skipped,
      stateDir:
        config.serve.state ??
        (location.kind === 'directory'
          ? join(location.path, '.bucketstreams')
          : resolve('.bucketstreams')),
    });
  } finally {
    await hasher.close();
    await store.close();
  }
}

/** Adds advice to the error: a missing folder was usually never created, or is not the intended one. */
function withRemedy(error: unknown, { kind }: StoreLocation): unknown {
  if (kind !== 'directory' || !isStoreError(error, 'not_found')) return error;
  const remedy =
    'Make a store there with `bucketstreams init` or `npm start`, or name another with --store.';
  return new StoreError('not_found', error.operation, `${error.message} ${remedy}`, {
    cause: error,
  });
}

/** Returns a function that stores each skipped entry in `skipped`, and logs it once in the life of the process. */
function skipReporter(
  log: Logger,
  skipped: Map<string, string>,
): (key: string, reason: string) => void {
  return (key, reason) => {
    const name = key.replace(/\/$/, '');
    if (skipped.has(name) || skipped.size > 10_000) return;
    skipped.set(name, reason);
    log('warn', 'not indexed', { key: name, reason });
  };
}
