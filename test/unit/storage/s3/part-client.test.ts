import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import type { UploadOptions } from '../../../../src/storage/object-store.ts';
import { chunked, pattern } from '../../../support/stores/objects.ts';
import { failure, withS3Server, type Seen } from '../../../support/stores/scripted-s3.ts';

const MIB = 1024 * 1024;
const BODY = pattern(11 * MIB);
const CRC = 'x-amz-checksum-crc32';
const SHA256 = 'x-amz-content-sha256';

type Step = 'create' | 'part' | 'complete';

function stepOf({ method, url = '' }: Seen): Step {
  if (method === 'PUT') return 'part';
  return url.includes('uploadId') ? 'complete' : 'create';
}

/** Performs a step of an upload in parts, with further headers. */
function done(step: Step, response: ServerResponse, headers: Record<string, string> = {}): void {
  if (step === 'part') {
    response.writeHead(200, { ETag: '"part"', ...headers }).end();
    return;
  }
  const [name, content] =
    step === 'create'
      ? ['InitiateMultipartUploadResult', '<UploadId>u</UploadId>']
      : ['CompleteMultipartUploadResult', '<ETag>"whole"</ETag>'];
  response
    .writeHead(200, { 'Content-Type': 'application/xml', ...headers })
    .end(`<${name}>${content}</${name}>`);
}

/** The requests of an upload in three parts that the server received, by steps. */
async function uploadTo(
  answer: (step: Step, request: Seen, response: ServerResponse) => void,
  options: UploadOptions = { size: BODY.length },
  body = BODY,
): Promise<Record<Step, Seen[]>> {
  const steps: Record<Step, Seen[]> = { create: [], part: [], complete: [] };
  await withS3Server(
    (request, response) => {
      const step = stepOf(request);
      steps[step].push(request);
      answer(step, request, response);
    },
    async (store) => {
      const { etag } = await store.upload('key', chunked(body), options);
      assert.equal(etag, 'whole');
    },
  );
  const numberOf = ({ url }: Seen) => Number(/partNumber=(\d+)/.exec(url ?? '')?.[1]);
  steps.part.sort((one, other) => numberOf(one) - numberOf(other));
  return steps;
}

function crcOf(bytes: Uint8Array): string {
  return Buffer.from(crc32(bytes).toString(16).padStart(8, '0'), 'hex').toString('base64');
}

function repeated({ headers }: Seen): Record<string, string> {
  const sum = headers[CRC];
  return typeof sum === 'string' ? { [CRC]: sum } : {};
}

function assertSha256Of({ headers, body }: Seen): void {
  assert.equal(headers[SHA256], createHash('sha256').update(body).digest('hex'));
}

describe('the parts of an upload', () => {
  it('are sent with only a CRC-32 to a server that checks it', async () => {
    const { part, complete } = await uploadTo((step, request, response) => {
      const told = { 'x-amz-checksum-algorithm': 'CRC32' };
      done(step, response, step === 'create' ? told : repeated(request));
    });
    assert(Buffer.concat(part.map(({ body }) => body)).equals(BODY));
    assert.equal(part.length, 3);
    for (const { headers, body } of part) {
      assert.equal(headers[SHA256], 'UNSIGNED-PAYLOAD');
      assert.equal(headers[CRC], crcOf(body));
    }
    const list = complete[0]!.body.toString();
    for (const { body } of part) {
      assert(list.includes(`<ChecksumCRC32>${crcOf(body)}</ChecksumCRC32>`), list);
    }
  });

  it('are sent with their SHA-256 to a server without CRC-32', async () => {
    const { part, complete } = await uploadTo((step, _, response) => done(step, response));
    assert(Buffer.concat(part.map(({ body }) => body)).equals(BODY));
    for (const one of part) {
      assertSha256Of(one);
      assert.equal(one.headers[CRC], undefined);
    }
    assert(!complete[0]!.body.toString().includes('Checksum'));
  });

  it('are complete when the last fits into the remaining memory of the one before', async () => {
    const body = pattern(10 * MIB + 100 * 1024);
    const { part } = await uploadTo(
      (step, request, response) => {
        const told = { 'x-amz-checksum-algorithm': 'CRC32' };
        // The last part is sent a second time, from memory that it shares with a part that is
        // stored.
        const last = request.url?.includes('partNumber=3') === true ? {} : repeated(request);
        done(step, response, step === 'create' ? told : last);
      },
      { sizeLimit: body.length },
      body,
    );
    const once = part.filter(({ bySdk, url }) => bySdk || url?.includes('partNumber=3') !== true);
    assert.equal(part.length, 4);
    assert(Buffer.concat(once.map((one) => one.body)).equals(body));
  });

  for (const [options, sizes] of [
    [{ sizeLimit: 64 * 1024 * MIB }, [7, 4]],
    [{ sizeLimit: 64 * 1024 * MIB, size: 11 * MIB }, [5, 5, 1]],
  ] as const) {
    it(`are as small as ${JSON.stringify(options)} allows`, async () => {
      const { part } = await uploadTo((step, _, response) => done(step, response), options);
      assert.deepEqual(
        part.map(({ body }) => body.length / MIB),
        sizes,
      );
    });
  }

  for (const [status, code] of [
    [400, 'InvalidArgument'],
    [501, 'NotImplemented'],
  ] as const) {
    it(`are sent with their SHA-256 to a server that rejects CRC-32 with ${status}`, async () => {
      const { create, part } = await uploadTo((step, request, response) => {
        if (request.headers['x-amz-checksum-algorithm'] !== undefined) {
          failure(response, status, code);
        } else done(step, response);
      });
      assert.equal(create.length, 2);
      assert.equal(part.length, 3);
      part.forEach(assertSha256Of);
    });
  }

  it('are sent again with their SHA-256 where the server did not repeat the CRC-32', async () => {
    const { part } = await uploadTo((step, request, response) => {
      const told = { 'x-amz-checksum-algorithm': 'CRC32' };
      const last = request.url?.includes('partNumber=2') === true ? {} : repeated(request);
      done(step, response, step === 'create' ? told : last);
    });
    assert.equal(part.length, 4);
    const second = part.filter(({ url }) => url?.includes('partNumber=2'));
    assert.deepEqual(
      second.map(({ bySdk }) => bySdk),
      [false, true],
    );
    assertSha256Of(second[1]!);
    assert.equal(second[1]!.headers[CRC], crcOf(second[1]!.body));
  });
});
