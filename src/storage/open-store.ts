import type { Credentials } from './credentials.ts';
import type { StoreLocation } from './location.ts';
import { openDirectoryStore, type OnSkipped } from './directory/store.ts';
import type { ObjectStore } from './object-store.ts';
import { s3Credentials } from './s3/credentials.ts';

/** A store and the credentials to use it with. */
export interface StoreAddress {
  readonly location: StoreLocation;
  /** Used for buckets only. Default: the SDK's chain. */
  readonly credentials?: Credentials;
}

export interface OpenStoreOptions {
  /** The environment for `env:PREFIX`. Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** With `write`, a directory must be writable and is made if it is missing. Default: `write`. */
  readonly use?: 'read' | 'write';
  /** Directories only; see `DirectoryStoreOptions`. */
  readonly settleMs?: number;
  /** Directories only; see `DirectoryStoreOptions`. */
  readonly onSkipped?: OnSkipped;
  /** Buckets only: called before each HTTP request with the operation's name (`PutObject`…). */
  readonly onRequest?: (operationName: string) => void;
}

/**
 * Opens the store at `location`. Rejects with CredentialsError if a bucket's credentials are missing, and with
 * StoreError if a directory cannot be used. For a bucket, it sends no request: the first use does.
 */
export async function openStore(
  { location, credentials = { kind: 'default' } }: StoreAddress,
  { env = process.env, onRequest, ...rest }: OpenStoreOptions = {},
): Promise<ObjectStore> {
  if (location.kind === 'directory') return openDirectoryStore({ path: location.path, ...rest });
  const { bucket, region, endpoint } = location;
  const identity = s3Credentials(credentials, env);
  // Loaded only here, because loading the SDK takes longer than most commands on a directory.
  const { openS3Store } = await import('./s3/store.ts');
  return openS3Store({ bucket, region, endpoint, credentials: identity, onRequest });
}
