import { openDirectoryStore, type OnSkipped } from './directory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Store, type S3Credentials } from './s3-store.ts';
import { parseStoreUrl, StoreUrlError } from './store-url.ts';

export interface OpenStoreOptions {
  /** The setting of that name; see `parseCredentials`. Of no meaning to a directory. Default: `default`. */
  readonly credentials?: string;
  /** Where `env:PREFIX` is looked up. Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether a directory must be writable, and is made when missing. Default: `write`. */
  readonly use?: 'read' | 'write';
  /** Of a directory; see `DirectoryStoreOptions`. */
  readonly settleMs?: number;
  /** Of a directory; see `DirectoryStoreOptions`. */
  readonly onSkipped?: OnSkipped;
  /** Of S3: called before each HTTP request with the operation's name (`PutObject`…). */
  readonly onRequest?: (operationName: string) => void;
}

/**
 * Opens the store at `url` (see `parseStoreUrl`). Rejects with StoreUrlError when the URL or the
 * credentials setting cannot be read, with StoreError when a directory cannot be used. A bucket is first
 * asked when it is first used.
 */
export async function openStore(url: string, options: OpenStoreOptions = {}): Promise<ObjectStore> {
  const { credentials = 'default', env = process.env, ...rest } = options;
  const place = parseStoreUrl(url);
  if (place.kind === 'directory') return openDirectoryStore({ path: place.path, ...rest });
  const { bucket, endpoint, region } = place;
  return openS3Store({
    bucket,
    endpoint,
    region,
    credentials: parseCredentials(credentials, env),
    onRequest: options.onRequest,
  });
}

/**
 * The setting `credentials`: `default` (the SDK's chain: environment, profile, instance or function role),
 * `profile:NAME`, or `env:PREFIX` for the variables PREFIX_ACCESS_KEY_ID, PREFIX_SECRET_ACCESS_KEY and
 * perhaps PREFIX_SESSION_TOKEN. Throws StoreUrlError.
 */
export function parseCredentials(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): S3Credentials {
  if (text === 'default') return { kind: 'default' };
  const [, kind, name] = /^(profile|env|secret):(.+)$/s.exec(text) ?? [];
  if (kind === 'profile' && name !== undefined) return { kind: 'profile', name };
  if (kind === 'env' && name !== undefined) return fromEnvironment(name, env);
  if (kind === 'secret') {
    throw new StoreUrlError(
      `The credentials "${text}" can be used by deployed functions only. Here, write "default", "profile:NAME" or "env:PREFIX".`,
    );
  }
  // Not repeated in the message: it may be a secret that was put in the wrong place.
  throw new StoreUrlError(
    'The setting "credentials" must be "default", "profile:NAME", "env:PREFIX" or "secret:ARN".',
  );
}

function fromEnvironment(
  prefix: string,
  env: Readonly<Record<string, string | undefined>>,
): S3Credentials {
  const names = [`${prefix}_ACCESS_KEY_ID`, `${prefix}_SECRET_ACCESS_KEY`] as const;
  const [accessKeyId, secretAccessKey] = names.map((name) => env[name]);
  if (!accessKeyId || !secretAccessKey) {
    throw new StoreUrlError(
      `The credentials "env:${prefix}" need the environment variables ${names.join(' and ')}; set both.`,
    );
  }
  const sessionToken = env[`${prefix}_SESSION_TOKEN`];
  const base = { kind: 'keys', accessKeyId, secretAccessKey } as const;
  return sessionToken ? { ...base, sessionToken } : base;
}
