/**
 * The errors of a store that a caller can distinguish. Each adapter maps the errors of its SDK or system to
 * these codes, so no other code depends on names of AWS or errno.
 *
 * - `not_found`: the object (or bucket) does not exist. Only a true 404 or ENOENT gets this code.
 * - `precondition_failed`: a write or remove condition did not hold, or a pinned read found other bytes.
 * - `conflict`: another conditional operation ran at the same moment; read again and retry.
 * - `access_denied`: credentials, policy or file permissions do not allow it. A caller must not take it for "empty".
 * - `invalid_key`: the key cannot be stored here.
 * - `no_space`: the store is full, or over its quota.
 * - `unsupported`: this store cannot do that.
 * - `unavailable`: a problem that may be temporary: network, throttling, 5xx, a short body.
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

/** An error of a store. `message` says what failed, on which store and key, and what to do. */
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

/** Returns whether `error` is a StoreError with one of these codes; without codes, any StoreError. */
export function isStoreError(error: unknown, ...codes: StoreErrorCode[]): error is StoreError {
  return error instanceof StoreError && (codes.length === 0 || codes.includes(error.code));
}
