import { S3Client } from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { requestSigner } from '../../../../src/storage/s3/sign.ts';

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

/** Signatures of these paths by the signer that was used before this library. */
const ODD_PATHS = [
  ['/bucket/images/a//b', '6e558ef8d989270f39a5ef805676bf2069c7ae229aeea719d93c7a27d5e86352'],
  ['/bucket/a/../b/./c', 'f607a017a9c5485ce1ce87d4908c8291c889f9bc8bacc848e4469307ac9d3369'],
  [
    '/bucket/%2B%20~%20%28%20%29%20%27%20%2A%20%21',
    '7f79b668eb2189a22a52d07c44296ce9329d03981e626b089adc5599d0490580',
  ],
  [
    '/bucket/%C3%BC/%E6%97%A5%E6%9C%AC%E8%AA%9E/%F0%9F%8E%89',
    'd11c51f39c16466b052cf983c398d6ade8928502018182f769648b4eeb97f520',
  ],
  [
    '/bucket/a%252Fb%3Fc%23d%26e%3Df',
    '1c714c0f4485f59f40160e2d6688e54aaab39c208550f1bba6f999e6dbf4e1af',
  ],
] as const;

const { sha256: hash } = new S3Client({ region: 'us-east-1' }).config;

describe('requestSigner', () => {
  const signed = async (
    asked: {
      readonly method?: string;
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly headers: Readonly<Record<string, string>>;
      readonly sha256?: string;
    },
    keys: { readonly sessionToken?: string; readonly secretAccessKey?: string } = {},
    time = TIME,
  ) => {
    const { method = 'GET', path, query = {}, headers, sha256 = EMPTY } = asked;
    const credentials = { ...KEYS, ...keys };
    const signer = requestSigner('us-east-1', { credentials, sha256: hash });
    const request = {
      method,
      protocol: 'https:',
      hostname: HOST,
      path,
      query: { ...query },
      headers: { ...headers, 'x-amz-content-sha256': sha256 },
    };
    return new Map(Object.entries((await signer(request, time)).headers));
  };

  for (const { path, query, headers, signed: names, signature } of EXAMPLES) {
    it(`signs ${path}?${Object.keys(query).join('&')} as S3 documents it`, async () => {
      const sent = await signed({ path, query, headers });
      assert.equal(sent.get('x-amz-date'), '20130524T000000Z');
      assert.equal(
        sent.get('authorization'),
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
          `SignedHeaders=${names}, Signature=${signature}`,
      );
    });
  }

  it('signs the sent body, the session and the conditions, and nothing that a proxy may change', async () => {
    const sha256 = createHash('sha256').update('body').digest('hex');
    const headers = {
      host: HOST,
      'if-none-match': '*',
      'content-type': 'text/plain',
      'content-length': '4',
      'cache-control': 'no-cache',
      'user-agent': 'one',
    };
    const sent = await signed(
      { method: 'PUT', path: '/key', headers, sha256 },
      { sessionToken: 'token' },
    );
    assert.equal(sent.get('x-amz-content-sha256'), sha256);
    assert.equal(sent.get('x-amz-security-token'), 'token');
    assert.equal(
      /SignedHeaders=([^,]*)/.exec(sent.get('authorization') ?? '')?.[1],
      'content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token',
    );
  });

  it('uses the key of the day and of the secret', async () => {
    const authorization = async (secretAccessKey: string, time: number) =>
      (await signed({ path: '/', headers: { host: HOST } }, { secretAccessKey }, time)).get(
        'authorization',
      );
    const first = await authorization('one', TIME);
    assert.notEqual(await authorization('two', TIME), first);
    assert.notEqual(await authorization('one', TIME + 86_400_000), first);
    assert.equal(await authorization('one', TIME), first);
  });

  it('signs paths as they are sent, and a body by its placeholder', async () => {
    const headers = { host: HOST, 'content-encoding': 'gzip', 'x-amz-checksum-crc32': 'AAAAAA==' };
    for (const [path, signature] of ODD_PATHS) {
      const sent = await signed(
        {
          method: 'PUT',
          path,
          query: { partNumber: '1', uploadId: 'a+/=~ (é)' },
          headers,
          sha256: 'UNSIGNED-PAYLOAD',
        },
        { sessionToken: 'a/b+c==' },
      );
      assert.equal(/Signature=(.*)/.exec(sent.get('authorization') ?? '')?.[1], signature, path);
    }
  });
});
