import type { ServeConfig } from '../../config/config.ts';
import { parseHostPort } from '../../net/host-port.ts';
import type { ListenAddress } from '../../net/listen.ts';
import {
  startLocal,
  type FrontAddress,
  type GatewayAddress,
  type Local,
} from '../../local/start-local.ts';
import type { ChangeSource } from '../../local/changes/change-source.ts';
import { directorySource, eventsSource } from '../../local/changes/change-sources.ts';
import type { Logger } from '../../log/logger.ts';
import type { Mirror } from '../../mirrors/mirror.ts';
import { UsageError, type ExitCode } from '../console/exit.ts';
import type { Terminal } from '../console/terminal.ts';
import { withMirrors } from './mirrors.ts';
import type { LocalValues } from './local-options.ts';
import { loadSettings, type CliSettings } from './settings.ts';
import { withSettings, type OpenedStore } from './store-options.ts';
import { untilSignal } from '../console/until-signal.ts';

interface LocalInvocation {
  readonly values: LocalValues;
  readonly terminal: Terminal;
}

/**
 * Milliseconds. Work that has not ended by then is abandoned: every write is atomic, and the next start continues
 * from there.
 */
const CLOSE_MS = 6000;
/** Milliseconds between two reads of the master's catalog for the mirrors. */
const DIRECTORY_POLL_MS = 500;
const BUCKET_POLL_MS = 5000;

/** Runs the local mode until a signal ends it. Calls `onStart` when it has started. */
export async function runLocal(
  invocation: LocalInvocation,
  parts: {
    readonly front: (config: ServeConfig) => FrontAddress | undefined;
    readonly gateway?: (front: FrontAddress) => GatewayAddress | undefined;
    readonly watch: (config: ServeConfig) => boolean;
    readonly onStart: (local: Local, front: FrontAddress | undefined) => void;
  },
): Promise<ExitCode> {
  const { values, terminal } = invocation;
  const { settle: settleMs, removalGrace: removalGraceMs } = values;
  const scanEveryMs = values.scanEvery ?? values.enumerateEvery;
  const ended = untilSignal(terminal.env);
  const events = eventsAddress(values.eventsListen, terminal.env.BUCKETSTREAMS_EVENTS_TOKEN);
  const settings = await loadSettings({ values, terminal, logLevel: 'info' });
  const { log } = settings;
  const { serve, retention } = settings.config;
  const front = parts.front(serve);
  const gateway = front && parts.gateway?.(front);
  const run = (opened: OpenedStore) =>
    withLocalMirrors(opened, settings, terminal.env, (mirrors) => runOpened(opened, mirrors));
  const runOpened = async (opened: OpenedStore, mirrors: readonly Mirror[]): Promise<ExitCode> => {
    const indexing = {
      sources: sourcesOf(opened, events, log),
      guard: opened.directory !== undefined,
      scanEveryMs: scanEveryMs ?? serve.scanEvery * 1000,
      removalGraceMs: removalGraceMs ?? retention.grace * 1000,
    };
    const starting = startLocal({
      context: opened.context,
      stateDir: values.state ?? opened.stateDir,
      ...(front && { front }),
      ...(gateway && { gateway }),
      ...(parts.watch(serve) && { indexing }),
      ...(parts.watch(serve) &&
        mirrors.length > 0 && {
          mirrors: {
            mirrors,
            graceMs: indexing.removalGraceMs,
            pollMs: opened.directory === undefined ? BUCKET_POLL_MS : DIRECTORY_POLL_MS,
          },
        }),
    });
    const first = await Promise.race([starting, ended]);
    if (typeof first === 'string') {
      // The unfinished start is not awaited: the process ends now.
      starting.catch(() => undefined);
      return 0;
    }
    parts.onStart(first, front);
    const signal = await ended;
    log('info', 'shutting down', { signal });
    await Promise.race([first.close(), expire(CLOSE_MS)]);
    return 0;
  };
  return withSettings(settings, terminal.env, run, { ...(settleMs !== undefined && { settleMs }) });
}

/**
 * Opens the mirrors only when the configuration is about this store. A mirror that cannot be opened is reported
 * and left out.
 */
async function withLocalMirrors(
  opened: OpenedStore,
  { configured, log }: CliSettings,
  env: Readonly<Record<string, string | undefined>>,
  action: (mirrors: readonly Mirror[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  if (!configured || opened.config.mirrors.length === 0) return action([]);
  return withMirrors(opened, { env, use: 'write' }, (mirrors) =>
    action(
      mirrors.flatMap((one) => {
        if ('mirror' in one) return [one.mirror];
        log('error', 'a mirror cannot be opened', { mirror: one.name, error: String(one.error) });
        return [];
      }),
    ),
  );
}

function sourcesOf(
  { directory, bucket }: OpenedStore,
  events: EventsOptions | undefined,
  log: Logger,
): ChangeSource[] {
  if (directory !== undefined) {
    if (events) throw new UsageError('--events-listen is for buckets; a directory is watched');
    return [directorySource(directory, log)];
  }
  if (events && bucket !== undefined) {
    return [eventsSource(events.address, { token: events.token, bucket, log })];
  }
  log('info', 'only scans find changes; use --events-listen to index them at once');
  return [];
}

interface EventsOptions {
  readonly address: ListenAddress;
  readonly token: string;
}

function eventsAddress(
  given: string | undefined,
  token: string | undefined,
): EventsOptions | undefined {
  if (given === undefined) return undefined;
  if (!token) {
    throw new UsageError(
      '--events-listen needs the environment variable BUCKETSTREAMS_EVENTS_TOKEN',
    );
  }
  if (/\s/.test(token)) {
    // MinIO sends a token that contains a space unchanged, without "Bearer".
    throw new UsageError('BUCKETSTREAMS_EVENTS_TOKEN has a space in it; choose one without');
  }
  const address = parseHostPort(given);
  if (!address?.host) {
    throw new UsageError(`--events-listen is ${JSON.stringify(given)}; HOST:PORT is expected`);
  }
  return { address, token };
}

function expire(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
