import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCredentials } from '../../../src/storage/credentials.ts';

describe('parseCredentials', () => {
  it('reads the forms of the setting', () => {
    assert.deepEqual(parseCredentials('default'), { kind: 'default' });
    assert.deepEqual(parseCredentials('profile:images'), { kind: 'profile', name: 'images' });
    assert.deepEqual(parseCredentials('profile:a b'), { kind: 'profile', name: 'a b' });
    assert.deepEqual(parseCredentials('env:M_1'), { kind: 'env', prefix: 'M_1' });
  });

  for (const text of [
    '',
    'Default',
    'hunter2',
    'profile:',
    'profile: ',
    'profile:a ',
    'profile:a\nb',
    'env:',
    'env:1M',
    'env:M-1',
    'env:M N',
    // Nothing could use it, because a deployed function has its own role.
    'secret:arn:aws:x',
    'secret:arn:aws:secretsmanager:eu-west-1:123456789012:secret:images',
  ]) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      assert.equal(parseCredentials(text), undefined);
    });
  }
});
