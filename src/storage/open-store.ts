import type { Credentials } from './credentials.ts';
import type { StoreLocation } from './location.ts';
import { openDirectoryStore, type OnSkipped } from './directory/store.ts';
import type { ObjectStore } from './object-store.ts';
import { s3Credentials } from './s3/credentials.ts';

/** A store, and whose rights it is used with. */
export interface StoreAddress {
  readonly location: StoreLocation;
  /** Of no meaning to a directory. Default: the SDK's chain. */
  readonly credentials?: Credentials;
}

export interface OpenStoreOptions {
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
 * Opens a store where it lies. Rejects with CredentialsError when those of a bucket are not to be had, with
 * StoreError when a directory cannot be used. A bucket is first asked when it is first used.
 */
export async function openStore(
  { location, credentials = { kind: 'default' } }: StoreAddress,
  { env = process.env, onRequest, ...rest }: OpenStoreOptions = {},
): Promise<ObjectStore> {
  if (location.kind === 'directory') return openDirectoryStore({ path: location.path, ...rest });
  const { bucket, region, endpoint } = location;
  const identity = s3Credentials(credentials, env);
  // The SDK takes longer to load than most commands take on a directory.
  const { openS3Store } = await import('./s3/store.ts');
  return openS3Store({ bucket, region, endpoint, credentials: identity, onRequest });
}
