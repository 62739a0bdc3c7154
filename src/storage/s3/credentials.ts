import type { Credentials } from '../credentials.ts';
import type { S3Credentials } from './client.ts';

/** The configured credentials are missing. `message` says what to set. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** Reads the credentials from the configured source. Throws CredentialsError. */
export function s3Credentials(
  credentials: Credentials,
  env: Readonly<Record<string, string | undefined>>,
): S3Credentials {
  if (credentials.kind !== 'env') return credentials;
  const { prefix } = credentials;
  const names = [`${prefix}_ACCESS_KEY_ID`, `${prefix}_SECRET_ACCESS_KEY`] as const;
  const [accessKeyId, secretAccessKey] = names.map((name) => env[name]);
  if (!accessKeyId || !secretAccessKey) {
    throw new CredentialsError(
      `the credentials "env:${prefix}" are the variables ${names.join(' and ')} of the environment; set both`,
    );
  }
  const sessionToken = env[`${prefix}_SESSION_TOKEN`];
  const keys = { kind: 'keys', accessKeyId, secretAccessKey } as const;
  return sessionToken ? { ...keys, sessionToken } : keys;
}
