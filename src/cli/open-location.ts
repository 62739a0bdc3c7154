import type { StoreConfig } from '../config/config.ts';
import type { Credentials } from '../config/credentials.ts';
import { openDirectoryStore, type OnSkipped } from '../storage/directory-store.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { S3Credentials } from '../storage/s3-store.ts';
import { UsageError } from './exit.ts';

export interface OpenOptions {
  readonly use: 'read' | 'write';
  /** Directory stores: milliseconds for which another's file must rest. */
  readonly settleMs: number;
  readonly onSkipped: OnSkipped;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Opens a store where it lies. A bucket is not asked for anything yet. */
export async function openLocation(
  { location, credentials }: StoreConfig,
  { use, settleMs, onSkipped, env }: OpenOptions,
): Promise<ObjectStore> {
  if (location.kind === 'directory') {
    return openDirectoryStore({ path: location.path, use, settleMs, onSkipped });
  }
  const { bucket, region, endpoint } = location;
  // The SDK takes longer to load than most commands take on a directory.
  const { openS3Store } = await import('../storage/s3-store.ts');
  return openS3Store({
    bucket,
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    credentials: s3Credentials(credentials, env),
  });
}

/** Credentials as the storage room takes them. Throws UsageError when they cannot be had here. */
export function s3Credentials(
  credentials: Credentials,
  env: Readonly<Record<string, string | undefined>>,
): S3Credentials {
  switch (credentials.kind) {
    case 'default':
    case 'profile':
      return credentials;
    case 'env': {
      const variable = (name: string) => `${credentials.prefix}_${name}`;
      const accessKeyId = env[variable('ACCESS_KEY_ID')];
      const secretAccessKey = env[variable('SECRET_ACCESS_KEY')];
      if (!accessKeyId || !secretAccessKey) {
        throw new UsageError(
          `the configuration takes credentials from ${variable('ACCESS_KEY_ID')} and ${variable('SECRET_ACCESS_KEY')}; set both`,
        );
      }
      const sessionToken = env[variable('SESSION_TOKEN')];
      return {
        kind: 'keys',
        accessKeyId,
        secretAccessKey,
        ...(sessionToken !== undefined && { sessionToken }),
      };
    }
    case 'secret':
      throw new UsageError(
        `credentials = "secret:${credentials.arn}" is for the deployed functions; on a command line use "profile:NAME" or "env:PREFIX"`,
      );
  }
}
