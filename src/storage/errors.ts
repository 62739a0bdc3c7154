/**
 * What can go wrong with a store, as far as a caller can decide anything about it. Adapters classify
 * their SDK's or system's errors once, here; nothing above them knows an AWS or errno name.
 *
 * - `not_found`: the object (or bucket) is not there. Only a true 404 or ENOENT becomes this.
 * - `precondition_failed`: a write or remove condition did not hold, or a pinned read found other bytes.
 * - `conflict`: a rival conditional operation ran at the same moment; read again and retry.
 * - `access_denied`: credentials, policy or file permissions refuse. Never to be read as "empty".
 * - `invalid_key`: the key cannot be stored here.
 * - `no_space`: the store is full, or over its quota.
 * - `unsupported`: this store cannot do that.
 * - `unavailable`: anything that may pass: network, throttling, 5xx, a short body.
 */
export type StoreErrorCode =
  | 'not_found'
  | 'precondition_failed'
  | 'conflict'
  | 'access_denied'
  | 'invalid_key'
  | 'no_space'
  | 'unsupported'
  | 'unavailable';

/** An error of a store. `message` is complete for a person: what, where (store and key), what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  readonly operation: string;
  readonly key: string | undefined;

  constructor(
    code: StoreErrorCode,
    operation: string,
    message: string,
    options: { key?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.operation = operation;
    this.key = options.key;
  }
}

/** Whether `error` is a StoreError with one of these codes. */
export function isStoreError(error: unknown, ...codes: StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code));
}
