import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { RequestSigner } from '../../../../src/storage/s3/sign.ts';

const EMPTY = createHash('sha256').digest('hex');
const TIME = Date.UTC(2013, 4, 24);
const KEYS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const HOST = 'examplebucket.s3.amazonaws.com';

/** The examples of "Signature Calculations for the Authorization Header" in the documentation of S3. */
const EXAMPLES: readonly {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly signed: string;
  readonly signature: string;
}[] = [
  {
    path: '/test.txt',
    query: {},
    headers: { host: HOST, range: 'bytes=0-9' },
    signed: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    path: '/',
    query: { lifecycle: '' },
    headers: { host: HOST },
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    path: '/',
    query: { prefix: 'J', 'max-keys': '2' },
    headers: { host: HOST },
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];

describe('RequestSigner', () => {
  const signer = new RequestSigner('us-east-1');

  for (const { path, query, headers, signed, signature } of EXAMPLES) {
    it(`signs ${path}?${Object.keys(query).join('&')} as S3 documents it`, () => {
      const request = { method: 'GET', path, query, headers, sha256: EMPTY };
      const sent = signer.sign(request, KEYS, TIME);
      assert.equal(sent['x-amz-date'], '20130524T000000Z');
      assert.equal(
        sent['authorization'],
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
          `SignedHeaders=${signed}, Signature=${signature}`,
      );
    });
  }

  it('signs the body that is sent, the session and the conditions, and nothing that a proxy may change', () => {
    const sha256 = createHash('sha256').update('body').digest('hex');
    const headers = {
      host: HOST,
      'if-none-match': '*',
      'content-type': 'text/plain',
      'content-length': '4',
      'cache-control': 'no-cache',
      'user-agent': 'one',
    };
    const request = { method: 'PUT', path: '/key', query: {}, headers, sha256 };
    const sent = signer.sign(request, { ...KEYS, sessionToken: 'token' }, TIME);
    assert.equal(sent['x-amz-content-sha256'], sha256);
    assert.equal(sent['x-amz-security-token'], 'token');
    assert.equal(
      /SignedHeaders=([^,]*)/.exec(sent['authorization'] ?? '')?.[1],
      'content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token',
    );
  });

  it('takes the key of the day and of the secret', () => {
    const request = {
      method: 'GET',
      path: '/',
      query: {},
      headers: { host: HOST },
      sha256: EMPTY,
    };
    const authorization = (secret: string, time: number) =>
      new Map(Object.entries(signer.sign(request, { ...KEYS, secretAccessKey: secret }, time))).get(
        'authorization',
      );
    const first = authorization('one', TIME);
    assert.notEqual(authorization('two', TIME), first);
    assert.notEqual(authorization('one', TIME + 86_400_000), first);
    assert.equal(authorization('one', TIME), first);
  });
});
