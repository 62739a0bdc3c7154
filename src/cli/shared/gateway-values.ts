import { isIP } from 'node:net';

import { shown } from '../../images/layout.ts';
import { allowPattern } from '../../gateway/allowed-products.ts';
import { UsageError } from '../console/exit.ts';
import { seconds } from '../console/options.ts';

const DAY = 24 * 60 * 60 * 1000;
const MAX_LIFETIME = 365 * DAY;
const MAX_TOKEN_NAME = 128;

export const DEFAULT_LIFETIME = DAY;

/** Reads seconds as milliseconds. Throws UsageError. */
export function tokenLifetime(expiry: string): number {
  const lifetime = seconds(expiry, '--expiry');
  if (lifetime > 0 && lifetime <= MAX_LIFETIME) return lifetime;
  throw new UsageError(
    `--expiry is ${JSON.stringify(expiry)}; more than 0 seconds and at most ${MAX_LIFETIME / 1000} (a year) are expected`,
  );
}

export function checkTokenName(name: string): void {
  if (name.trim() !== '' && name.length <= MAX_TOKEN_NAME && !/\p{Cc}/u.test(name)) return;
  throw new UsageError(
    `the client's name is ${JSON.stringify(shown(name))}; one line of 1 to ${MAX_TOKEN_NAME} characters is expected`,
  );
}

/** Returns the patterns of `--allow` in their stored form. */
export function allowPatterns(patterns: readonly string[]): readonly string[] {
  return patterns.map((pattern) => {
    const allowed = allowPattern(pattern);
    if ('stored' in allowed) return allowed.stored;
    throw new UsageError(`--allow is ${JSON.stringify(pattern)}; ${allowed.problem}`);
  });
}

export function checkedHost(name: string): string {
  const label = '[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?';
  if (isIP(name) !== 0) return name;
  if (name.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(name)) return name;
  throw new UsageError(
    `--name is ${JSON.stringify(name)}; a host name or an address is expected, such as hub.example.org (the port goes into --port)`,
  );
}
