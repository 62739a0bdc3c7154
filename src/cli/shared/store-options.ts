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
  /** Whether the configuration is about this store. */
  readonly configured: boolean;
  /** Of a directory store: its path. */
  readonly directory?: string;
  /** Of a bucket: its name. */
  readonly bucket?: string;
  /** By key, what was met in a directory store so far that is no object, and why. It grows with every listing. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Where serve keeps what is its own, unless told otherwise. */
  readonly stateDir: string;
}

export interface StoreUse {
  /** `read`: it need not be writable, and is not made when missing. Default: `write`. */
  readonly use?: 'read' | 'write';
  /** Default: the configuration's. */
  readonly settleMs?: number;
}

/** Opens the store that the options, the environment or the configuration name, and closes it afterwards. */
export async function withStore(
  source: SettingsSource,
  action: (opened: OpenedStore) => Promise<ExitCode>,
  use: StoreUse = {},
): Promise<ExitCode> {
  return withSettings(await loadSettings(source), source.terminal.env, action, use);
}

/** `withStore` where the settings are known already. */
export async function withSettings(
  { config, store: place, configured, log }: CliSettings,
  env: Readonly<Record<string, string | undefined>>,
  action: (opened: OpenedStore) => Promise<ExitCode>,
  { use = 'write', settleMs = config.serve.settle * 1000 }: StoreUse = {},
): Promise<ExitCode> {
  const skipped = new Map<string, string>();
  const onSkipped = skipReporter(log, skipped);
  const store = await openStore(place, { use, settleMs, env, onSkipped }).catch(
    (error: unknown) => {
      throw withRemedy(error, place.location);
    },
  );
  const hasher = createHasher();
  const { location } = place;
  const { clients, aliases } = config.publish;
  try {
    return await action({
      context: createContext({
        store,
        hasher,
        log,
        // Without a configuration of its own a store keeps the settings that it has.
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

/** A folder that is not there is most often one that was never made, or another than was meant. */
function withRemedy(error: unknown, { kind }: StoreLocation): unknown {
  if (kind !== 'directory' || !isStoreError(error, 'not_found')) return error;
  const remedy =
    'Make a store there with `bucketstreams init` or `npm start`, or name another with --store.';
  return new StoreError('not_found', error.operation, `${error.message} ${remedy}`, {
    cause: error,
  });
}

/** Tells of each thing that is skipped once in the life of the process, and keeps it in `skipped`. */
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
