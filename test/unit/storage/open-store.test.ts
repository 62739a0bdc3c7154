import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { openStore } from '../../../src/storage/open-store.ts';
import { CredentialsError, s3Credentials } from '../../../src/storage/s3/credentials.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const BUCKET = { kind: 'bucket', bucket: 'bucket', region: 'eu-west-1' } as const;

describe('openStore', () => {
  it('opens directories and buckets', async () => {
    await using folder = await temporaryFolder();
    const directory = await openStore({ location: { kind: 'directory', path: folder.path } });
    await directory.write('key', Buffer.from('x'));
    assert.equal((await directory.stat('key'))?.size, 1);
    await directory.close();
    const bucket = await openStore({ location: BUCKET });
    assert.equal(bucket.url, 's3://bucket?region=eu-west-1');
    await bucket.close();
    const endpoint = 'http://127.0.0.1:9';
    const other = await openStore({ location: { kind: 'bucket', bucket: 'other', endpoint } });
    assert.equal(other.url, `s3://other?endpoint=${endpoint}`);
    await other.close();
  });

  it('opens no bucket without the required credentials', async () => {
    const credentials = { kind: 'env', prefix: 'M' } as const;
    await assert.rejects(openStore({ location: BUCKET, credentials }, { env: {} }), (error) => {
      assert(error instanceof CredentialsError);
      assert.match(error.message, /M_ACCESS_KEY_ID and M_SECRET_ACCESS_KEY.*set both/);
      return true;
    });
  });

  it('loads no SDK for a directory', async () => {
    await using folder = await temporaryFolder();
    const module = new URL('../../../src/storage/open-store.ts', import.meta.url).href;
    const program = `
      import { registerHooks } from 'node:module';
      registerHooks({
        load(url, context, next) {
          if (url.includes('/@aws-sdk/')) console.log(url);
          return next(url, context);
        },
      });
      const { openStore } = await import(${JSON.stringify(module)});
      await openStore({ location: { kind: 'directory', path: process.argv[1] } });
      console.log('opened');
      await openStore({ location: { kind: 'bucket', bucket: 'bucket', region: 'eu-west-1' } });`;
    const args = ['--input-type=module', '--eval', program, folder.path];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    assert.match(stdout, /^opened\n.*@aws-sdk/);
  });
});

describe('s3Credentials', () => {
  it('takes keys from the environment, and leaves the rest to the SDK', () => {
    const env = { M_ACCESS_KEY_ID: 'id', M_SECRET_ACCESS_KEY: 'key', M_SESSION_TOKEN: 'token' };
    const keys = { kind: 'keys', accessKeyId: 'id', secretAccessKey: 'key' };
    const named = { kind: 'env', prefix: 'M' } as const;
    assert.deepEqual(s3Credentials(named, env), { ...keys, sessionToken: 'token' });
    assert.deepEqual(s3Credentials(named, { ...env, M_SESSION_TOKEN: '' }), keys);
    assert.deepEqual(s3Credentials({ kind: 'default' }, env), { kind: 'default' });
    const profile = { kind: 'profile', name: 'a b' } as const;
    assert.deepEqual(s3Credentials(profile, {}), profile);
  });

  it('requires both keys', () => {
    for (const env of [
      {},
      { M_ACCESS_KEY_ID: 'id' },
      { M_ACCESS_KEY_ID: 'id', M_SECRET_ACCESS_KEY: '' },
    ]) {
      assert.throws(() => s3Credentials({ kind: 'env', prefix: 'M' }, env), CredentialsError);
    }
  });
});
