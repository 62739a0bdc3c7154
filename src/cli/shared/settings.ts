import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import {
  isStoreProblem,
  parseStoreUrl,
  storeIdentity,
  withoutSecrets,
  type StoreLocation,
} from '../../storage/location.ts';
import type { StoreConfig } from '../../config/config.ts';
import type { Logger, LogLevel } from '../../log/logger.ts';
import { UsageError } from '../console/exit.ts';
import { createLogger, type LogValues } from '../console/log-options.ts';
import type { Terminal } from '../console/terminal.ts';

/** The settings of the options, the environment and the configuration, in this order of precedence. */
export interface CliSettings {
  readonly config: Config;
  readonly store: StoreConfig;
  /** True when `store` is the configuration's own store. Its other sections apply only then. */
  readonly configured: boolean;
  readonly log: Logger;
}

/** The options of a command that uses a store. */
export interface StoreValues extends LogValues {
  readonly store?: string;
  readonly config?: string;
}

export interface SettingsSource {
  readonly values: StoreValues;
  readonly terminal: Terminal;
  /** The command's lowest log level without `--log-level`. Default: `warn`. */
  readonly logLevel?: LogLevel;
}

/** Reads the configuration and chooses the store. Throws UsageError and ConfigError. */
export async function loadSettings({
  values,
  terminal,
  logLevel = 'warn',
}: SettingsSource): Promise<CliSettings> {
  const config = await loadConfig({
    cwd: process.cwd(),
    ...(values.config !== undefined && { path: values.config }),
  });
  const { level, format } = config.log;
  const log = createLogger(
    { logLevel: values.logLevel, logFormat: values.logFormat ?? format },
    terminal,
    level ?? logLevel,
  );
  const chosen = chosenLocation(values.store, terminal.env.BUCKETSTREAMS_STORE);
  const own = config.store.location;
  const same = chosen === undefined || storeIdentity(chosen) === storeIdentity(own);
  const store: StoreConfig =
    chosen === undefined
      ? config.store
      : {
          location: chosen,
          // Credentials apply only to the store in the same section.
          credentials: same ? config.store.credentials : { kind: 'default' },
        };
  return { config, store, configured: same && config.file !== undefined, log };
}

function chosenLocation(
  option: string | undefined,
  variable: string | undefined,
): StoreLocation | undefined {
  const text = option ?? (variable === '' ? undefined : variable);
  if (text === undefined) return undefined;
  const location = parseStoreUrl(text, process.cwd());
  if (!isStoreProblem(location)) return location;
  const name = option === undefined ? 'BUCKETSTREAMS_STORE' : '--store';
  throw new UsageError(
    `${name} ${JSON.stringify(withoutSecrets(text))} ${location.problem}; ${location.remedy}`,
  );
}
