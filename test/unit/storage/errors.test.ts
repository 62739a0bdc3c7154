import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { directoryError } from '../../../src/storage/directory/errors.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import { s3Error } from '../../../src/storage/s3/errors.ts';

const FILE = { operation: 'write', url: 'file:///store', key: 'images/key' } as const;
const OBJECT = { operation: 'write', url: 's3://bucket', key: 'images/key' } as const;

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: words of the system`), { code });
}

function serviceError(name: string, status?: number): Error {
  const error = Object.assign(new Error('words of the server'), {
    $metadata: status === undefined ? {} : { httpStatusCode: status },
  });
  error.name = name;
  return error;
}

describe('errors of the file system', () => {
  for (const [code, expected] of [
    ['ENOENT', 'not_found'],
    ['EACCES', 'access_denied'],
    ['EPERM', 'access_denied'],
    ['EROFS', 'access_denied'],
    ['ENOSPC', 'no_space'],
    ['EDQUOT', 'no_space'],
    ['EFBIG', 'no_space'],
    ['ENAMETOOLONG', 'invalid_key'],
    ['ENOTDIR', 'invalid_key'],
    ['EISDIR', 'invalid_key'],
    ['EMFILE', 'unavailable'],
    ['EIO', 'unavailable'],
  ] as const) {
    it(`${code} is ${expected}`, () => {
      const error = directoryError(systemError(code), FILE);
      assert.equal(error.code, expected);
      assert.equal(error.key, FILE.key);
      assert.match(error.message, /^Cannot write "images\/key" in file:\/\/\/store: /);
    });
  }

  it('ENOTDIR on the path of a read means absence', () => {
    const error = directoryError(systemError('ENOTDIR'), { ...FILE, operation: 'read' });
    assert.equal(error.code, 'not_found');
  });

  it('leaves a StoreError as it is', () => {
    const error = new StoreError('conflict', 'read', 'message');
    assert.equal(directoryError(error, FILE), error);
    assert.equal(s3Error(error, OBJECT), error);
  });
});

describe('errors of S3', () => {
  for (const [name, status, expected] of [
    ['NoSuchKey', 404, 'not_found'],
    ['NotFound', 404, 'unavailable'],
    ['NoSuchBucket', 404, 'not_found'],
    ['NoSuchUpload', 404, 'unavailable'],
    ['UnknownError', 404, 'unavailable'],
    ['AccessDenied', 403, 'access_denied'],
    ['Forbidden', 403, 'access_denied'],
    ['InvalidAccessKeyId', 403, 'access_denied'],
    ['SignatureDoesNotMatch', 403, 'access_denied'],
    ['RequestTimeTooSkewed', 403, 'access_denied'],
    ['ExpiredToken', 400, 'access_denied'],
    ['CredentialsProviderError', undefined, 'access_denied'],
    ['PreconditionFailed', 412, 'precondition_failed'],
    ['ConditionalRequestConflict', 409, 'conflict'],
    ['OperationAborted', 409, 'conflict'],
    ['XMinioStorageFull', 507, 'no_space'],
    ['InsufficientStorage', 507, 'no_space'],
    ['QuotaExceeded', 403, 'no_space'],
    ['KeyTooLongError', 400, 'invalid_key'],
    ['XMinioInvalidObjectName', 400, 'invalid_key'],
    ['NotImplemented', 501, 'unsupported'],
    ['MethodNotAllowed', 405, 'unsupported'],
    ['PermanentRedirect', 301, 'unavailable'],
    ['SlowDown', 503, 'unavailable'],
    ['InternalError', 500, 'unavailable'],
    ['TimeoutError', undefined, 'unavailable'],
    ['Error', undefined, 'unavailable'],
  ] as const) {
    it(`${name} (${status ?? 'no answer'}) is ${expected}`, () => {
      const error = s3Error(serviceError(name, status), OBJECT);
      assert.equal(error.code, expected);
      assert.match(error.message, /^Cannot write "images\/key" in s3:\/\/bucket: .*\.$/);
    });
  }
});
