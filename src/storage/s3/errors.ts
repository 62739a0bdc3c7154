import { memberOf } from '../../json/is-object.ts';
import { StoreError, type StoreErrorCode } from '../errors.ts';

export interface S3Context {
  readonly operation: 'stat' | 'read' | 'list' | 'write' | 'upload' | 'copy' | 'remove';
  /** The store's URL. */
  readonly url: string;
  readonly key: string;
}

/**
 * Names of errors from S3 and compatible servers. For other names, the HTTP status decides. The SDK's own
 * `NotFound` is not in this list, because the SDK uses it for every 404 without an error code.
 */
const NOT_FOUND = ['NoSuchKey', 'NoSuchVersion'];
const DENIED = [
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
];
const NO_SPACE = [
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'QuotaExceeded',
  'InsufficientStorage',
];
const INVALID_KEY = [
  'KeyTooLong',
  'KeyTooLongError',
  'InvalidObjectName',
  'XMinioInvalidObjectName',
  'XMinioObjectExistsAsDirectory',
  'XMinioParentIsObject',
  'ExistingObjectIsDirectory',
  'ObjectParentIsFile',
  'InvalidURI',
];
const WRONG_REGION = [
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
];

/** Converts `error` to a StoreError. Only this function maps error names of S3 servers and the SDK. */
export function s3Error(error: unknown, context: S3Context): StoreError {
  if (error instanceof StoreError) return error;
  const [code, reason] = classify(nameOf(error), statusOf(error), messageOf(error));
  return s3Failure(code, context, reason, error);
}

/** Makes a StoreError. Its message names the operation, the key and the store, and ends with `reason`. */
export function s3Failure(
  code: StoreErrorCode,
  { operation, url, key }: S3Context,
  reason: string,
  cause?: unknown,
): StoreError {
  const message = `Cannot ${operation} ${JSON.stringify(key)} in ${url}: ${reason}`;
  return new StoreError(code, operation, message, { key, cause });
}

/** Returns the response's HTTP status; undefined if there was no response. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const status = memberOf(error.$metadata, 'httpStatusCode');
  return typeof status === 'number' ? status : undefined;
}

function classify(
  name: string,
  status: number | undefined,
  message: string,
): readonly [StoreErrorCode, string] {
  if (name === 'NoSuchBucket') {
    return ['not_found', 'the bucket does not exist. Create it, or correct the URL.'];
  }
  if (NOT_FOUND.includes(name)) return ['not_found', 'it does not exist.'];
  if (NO_SPACE.includes(name) || status === 507) {
    return ['no_space', `the store is full or over its quota (${message}). Free some space.`];
  }
  if (name === 'CredentialsProviderError') {
    return [
      'access_denied',
      `no credentials were found (${message}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.`,
    ];
  }
  if (name === 'RequestTimeTooSkewed') {
    return ['access_denied', 'the clock of this machine is wrong. Set it and try again.'];
  }
  if (DENIED.includes(name) || status === 403 || status === 401) {
    return [
      'access_denied',
      `access denied (${name}). Check the credentials and what policies of the user and the bucket allow; S3 also answers so for absent objects where s3:ListBucket is not allowed.`,
    ];
  }
  if (WRONG_REGION.includes(name) || status === 301) {
    return [
      'unavailable',
      `the bucket is in another Region (${message}). Add ?region=… to its URL.`,
    ];
  }
  if (INVALID_KEY.includes(name)) {
    return ['invalid_key', `the store does not accept this key (${message}). Choose another key.`];
  }
  return byStatus(name, status, message);
}

function byStatus(
  name: string,
  status: number | undefined,
  message: string,
): readonly [StoreErrorCode, string] {
  switch (status ?? 0) {
    case 412:
      return [
        'precondition_failed',
        'it exists already, or was changed by someone else meanwhile.',
      ];
    case 409:
      return ['conflict', `someone else was writing it at the same moment (${name}). Try again.`];
    case 404:
      return [
        'unavailable',
        `the endpoint answered 404 as no S3 server does (${name}). Check the endpoint in the URL.`,
      ];
    case 405:
    case 501:
      return ['unsupported', `the store cannot do that (${name}: ${message}).`];
    case 0:
      return [
        'unavailable',
        `the store did not answer (${name}: ${message}). Check the network, the endpoint and the Region.`,
      ];
    default:
      return [
        'unavailable',
        `the store answered ${status ?? ''} (${name}: ${message}). Try again.`,
      ];
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown error';
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // If a host name has several addresses and all connections fail, only the inner errors have messages.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((part: unknown) => messageOf(part)).join('; ');
  }
  // Node suggests an option of Node itself, which does not help the user of this program.
  return error.message.replace(
    /; if the root CA is installed locally.*/s,
    '; name the file of its certificate authority in NODE_EXTRA_CA_CERTS',
  );
}
