import type { Command, OptionValues } from 'commander';

import { UsageError } from '../console/exit.ts';
import { seconds, text, value } from '../console/options.ts';
import type { StoreValues } from './settings.ts';
import { withStoreOptions } from './store-options.ts';

/** Adds the options of `serve` and `watch`. */
export function withLocalOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withStoreOptions(
    command
      .addOption(
        text(
          '--state <DIR>',
          'Folder for certificates and other things of its own, made with mode 0700. Default: .bucketstreams in the directory store, else in the working directory.',
        ),
      )
      .addOption(
        value(
          '--scan-every <SECONDS>',
          'Time between two scans of the whole store, which find what changed unseen. Default: 300.',
          scanInterval,
        ),
      )
      // The name of this option until 0.1.
      .addOption(value('--enumerate-every <SECONDS>', 'See --scan-every.', scanInterval).hideHelp())
      .addOption(
        value(
          '--settle <SECONDS>',
          'Directory stores: how long a file must stay unchanged before it counts as whole. Default: 1.',
          seconds,
        ),
      )
      .addOption(
        value(
          '--removal-grace <SECONDS>',
          'Time between the end of a removed version in the public files and the deletion of its bytes: for clients with an old list and downloads on the way. Default: 7200.',
          seconds,
        ),
      )
      .addOption(
        text(
          '--events-listen <HOST:PORT>',
          "Buckets: take notifications at this address, as MinIO's webhook posts them. BUCKETSTREAMS_EVENTS_TOKEN is the token that they must carry.",
        ),
      ),
  );
}

function scanInterval(given: string, name: string): number {
  const interval = seconds(given, name);
  if (interval >= 1000) return interval;
  throw new UsageError(`${name} must be 1 or more`);
}

/** The options of `serve` and `watch`. Durations are in milliseconds. */
export interface LocalValues extends StoreValues {
  readonly state?: string;
  readonly scanEvery?: number;
  readonly enumerateEvery?: number;
  readonly settle?: number;
  readonly removalGrace?: number;
  readonly eventsListen?: string;
}
