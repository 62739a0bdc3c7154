import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { StoreError, type StoreErrorCode } from '../../../src/storage/errors.ts';
import { DELIVERY_TABLE } from '../../support/aws/delivery-table.ts';
import { frontFixture, storeWith } from '../../support/servers/front-fixture.ts';

const IMAGE = '/images/iats/xenial/amd64/default/20180716_12:00/rootfs.squashfs';
const BODY = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
const JSON_PATH = '/streams/v1/images.json';
const JSON_BODY = JSON.stringify({ products: Object.fromEntries(numbers(400)) });

function numbers(count: number): [string, number][] {
  return Array.from({ length: count }, (_, i) => [`product ${i}`, i]);
}

describe('the front', () => {
  it('serves every path of the delivery table as it specifies', async () => {
    await using fixture = await frontFixture();
    // A path that reaches a wrong key must find this text, so that the test fails.
    for (const secret of ['catalog/catalog.json', 'images/a/b/c/d/20200101/removed.json']) {
      await fixture.put(secret, 'secret');
    }
    for (const { path, answer } of DELIVERY_TABLE) {
      // Node's client cannot send these paths; the unit test has them.
      if (/[^\x21-\x7e]/.test(path) || !path.startsWith('/')) continue;
      if ('key' in answer && answer.key !== 'images/a') await fixture.put(answer.key, path);
      const wanted = 'status' in answer ? answer.status : answer.key === 'images/a' ? 404 : 200;
      // For a server, the part after a question mark is the query.
      const sent = path.split('?')[0];
      if (sent !== path) continue;
      const { status, body } = await fixture.ask(path);
      assert.equal(status, wanted, path);
      if ('key' in answer) assert.equal(status === 404 || body.toString() === path, true, path);
      assert.doesNotMatch(body.toString(), /secret/);
    }
  });

  it('takes the path from a complete URL, and nothing from a query', async () => {
    await using fixture = await frontFixture();
    await fixture.put('streams/v1/index.json', '{}');
    assert.equal((await fixture.ask('/streams/v1/index.json?x=/../..')).status, 200);
    assert.equal((await fixture.ask('https://example.org/streams/v1/index.json')).status, 200);
    assert.equal((await fixture.ask('/catalog/catalog.json?/streams/v1/index.json')).status, 404);
  });

  it('sends an image unchanged, with all headers for a cache', async () => {
    await using fixture = await frontFixture();
    await fixture.put(IMAGE.slice(1), BODY);
    const { status, headers, body } = await fixture.ask(IMAGE, {
      headers: { 'Accept-Encoding': 'gzip' },
    });
    assert.equal(status, 200);
    assert.deepEqual(body, BODY);
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['content-length'], '1000');
    assert.equal(headers['content-encoding'], undefined);
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['cache-control'], 'public, max-age=86400');
    assert.match(headers.etag ?? '', /^"[^"]+"$/);
    assert.ok(Date.parse(headers['last-modified'] ?? '') > 0);

    const head = await fixture.ask(IMAGE, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
    assert.equal(head.headers['content-length'], '1000');
    assert.equal(head.headers.etag, headers.etag);
  });

  it('sends an empty image', async () => {
    await using fixture = await frontFixture();
    await fixture.put(IMAGE.slice(1), '');
    const { status, headers, body } = await fixture.ask(IMAGE);
    assert.deepEqual([status, headers['content-length'], body.length], [200, '0', 0]);
    assert.equal((await fixture.ask(IMAGE, { headers: { Range: 'bytes=0-' } })).status, 416);
  });

  const ranges: [range: string, wanted: [number, number] | 416 | 200][] = [
    ['bytes=0-0', [0, 1]],
    ['bytes=0-999', [0, 1000]],
    ['bytes=10-', [10, 1000]],
    ['bytes=999-', [999, 1000]],
    ['bytes=990-5000', [990, 1000]],
    ['bytes=-1', [999, 1000]],
    ['bytes=-5000', [0, 1000]],
    ['bytes=1000-', 416],
    ['bytes=1000-1001', 416],
    ['bytes=-0', 416],
    ['bytes=5-4', 200],
    ['bytes=-', 200],
    ['bytes=0-1,5-6', 200],
    ['lines=0-1', 200],
    ['bytes=a-b', 200],
    ['bytes=0-99999999999999999999999', [0, 1000]],
  ];
  it('serves each range as the table specifies', async () => {
    await using fixture = await frontFixture();
    await fixture.put(IMAGE.slice(1), BODY);
    for (const [range, wanted] of ranges) {
      const { status, headers, body } = await fixture.ask(IMAGE, { headers: { Range: range } });
      if (wanted === 416) {
        assert.equal(status, 416, range);
        assert.equal(headers['content-range'], 'bytes */1000', range);
      } else if (wanted === 200) {
        assert.equal(status, 200, range);
        assert.deepEqual(body, BODY, range);
      } else {
        const [start, end] = wanted;
        assert.equal(status, 206, range);
        assert.equal(headers['content-range'], `bytes ${start}-${end - 1}/1000`, range);
        assert.equal(headers['content-length'], String(end - start), range);
        assert.deepEqual(body, BODY.subarray(start, end), range);
      }
    }
  });

  it('serves a range only for the state that If-Range names', async () => {
    await using fixture = await frontFixture();
    await fixture.put(IMAGE.slice(1), BODY);
    const { headers } = await fixture.ask(IMAGE, { method: 'HEAD' });
    const { etag = '', 'last-modified': modified = '' } = headers;
    const cases: [ifRange: string, status: number][] = [
      [etag, 206],
      [modified, 206],
      [`W/${etag}`, 200],
      ['"other"', 200],
      ['Mon, 01 Jan 2001 00:00:00 GMT', 200],
      ['nonsense', 200],
    ];
    for (const [ifRange, wanted] of cases) {
      const asked = { headers: { Range: 'bytes=1-2', 'If-Range': ifRange } };
      assert.equal((await fixture.ask(IMAGE, asked)).status, wanted, ifRange);
    }
  });

  it('responds with 304 and 412 by the conditions of the request', async () => {
    await using fixture = await frontFixture();
    await fixture.put(IMAGE.slice(1), BODY);
    await fixture.put(JSON_PATH.slice(1), JSON_BODY);
    for (const path of [IMAGE, JSON_PATH]) {
      const { etag = '', 'last-modified': modified = '' } = (await fixture.ask(path)).headers;
      const later = new Date(Date.parse(modified) + 10_000).toUTCString();
      const cases: [headers: Record<string, string>, status: number][] = [
        [{ 'If-None-Match': etag }, 304],
        [{ 'If-None-Match': `W/${etag}` }, 304],
        [{ 'If-None-Match': `"x", ${etag}` }, 304],
        [{ 'If-None-Match': '*' }, 304],
        [{ 'If-None-Match': '"x"' }, 200],
        [{ 'If-Modified-Since': modified }, 304],
        [{ 'If-Modified-Since': later }, 304],
        [{ 'If-Modified-Since': 'Mon, 01 Jan 2001 00:00:00 GMT' }, 200],
        [{ 'If-Modified-Since': 'nonsense' }, 200],
        [{ 'If-None-Match': '"x"', 'If-Modified-Since': modified }, 200],
        [{ 'If-Match': etag }, 200],
        [{ 'If-Match': '"x"' }, 412],
      ];
      for (const [headers, wanted] of cases) {
        const { status, body, headers: got } = await fixture.ask(path, { headers });
        assert.equal(status, wanted, JSON.stringify([path, headers]));
        if (status === 304) assert.equal(body.length, 0);
        if (status === 304) assert.equal(got.etag, etag);
      }
    }
  });

  it('compresses JSON for clients that accept it, and declares that to caches', async () => {
    await using fixture = await frontFixture();
    await fixture.put(JSON_PATH.slice(1), JSON_BODY);
    await fixture.put('streams/v1/index.json', '{}');
    const cases: [accepted: string | undefined, gzip: boolean][] = [
      [undefined, false],
      ['gzip', true],
      ['GZIP', true],
      ['deflate, gzip;q=0.5', true],
      ['x-gzip', true],
      ['*', true],
      ['gzip;q=0', false],
      ['*;q=0', false],
      ['gzip;q=0, *', false],
      ['br', false],
      ['identity', false],
    ];
    const plain = (await fixture.ask(JSON_PATH)).headers.etag;
    for (const [accepted, gzip] of cases) {
      const asked = accepted === undefined ? {} : { headers: { 'Accept-Encoding': accepted } };
      const { status, headers, body } = await fixture.ask(JSON_PATH, asked);
      assert.equal(status, 200);
      assert.equal(headers['content-encoding'], gzip ? 'gzip' : undefined, accepted);
      assert.equal((gzip ? gunzipSync(body) : body).toString(), JSON_BODY, accepted);
      assert.equal(headers.etag, gzip ? `W/${plain}` : plain, accepted);
      assert.equal(headers.vary, 'Accept-Encoding');
      assert.equal(headers['content-type'], 'application/json');
      assert.equal(headers['cache-control'], 'public, max-age=60');
      const known = await fixture.ask(JSON_PATH, {
        headers: { ...asked.headers, 'If-None-Match': headers.etag },
      });
      assert.equal(known.status, 304, accepted);
      const head = await fixture.ask(JSON_PATH, { method: 'HEAD', ...asked });
      assert.equal(head.headers['content-encoding'], headers['content-encoding']);
      assert.equal(head.headers.etag, headers.etag);
    }
    const small = await fixture.ask('/streams/v1/index.json', {
      headers: { 'Accept-Encoding': 'gzip' },
    });
    assert.equal(small.headers['content-encoding'], undefined);
    assert.equal(small.headers['content-length'], '2');
  });

  it('passes on JSON that is stored compressed, or decodes it for clients that want it plain', async () => {
    await using fixture = await frontFixture({}, (store) =>
      storeWith(store, {
        // S3 returns it like this.
        read: async (key, options) => ({
          ...(await store.read(key, options)),
          contentEncoding: 'gzip',
        }),
      }),
    );
    const stored = gzipSync(JSON_BODY);
    await fixture.put(JSON_PATH.slice(1), stored);
    const coded = await fixture.ask(JSON_PATH, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(coded.headers['content-encoding'], 'gzip');
    assert.deepEqual(coded.body, stored);
    assert.match(coded.headers.etag ?? '', /^"/);
    const plain = await fixture.ask(JSON_PATH);
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.equal(plain.body.toString(), JSON_BODY);
    assert.equal(plain.headers.etag, `W/${coded.headers.etag}`);
    // An image that somebody stored with that header is sent unchanged, because its digest is of
    // these bytes.
    await fixture.put(IMAGE.slice(1), stored);
    const image = await fixture.ask(IMAGE, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(image.headers['content-encoding'], undefined);
    assert.deepEqual(image.body, stored);
  });

  it('opens only the index to browsers', async () => {
    await using fixture = await frontFixture();
    await fixture.put(JSON_PATH.slice(1), JSON_BODY);
    await fixture.put(IMAGE.slice(1), BODY);
    const headers = { Origin: 'https://ui.example', 'Access-Control-Request-Method': 'GET' };
    const preflight = await fixture.ask(JSON_PATH, { method: 'OPTIONS', headers });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], '*');
    assert.match(preflight.headers['access-control-allow-methods'] ?? '', /GET/);
    const seen = await fixture.ask(JSON_PATH, { headers });
    assert.equal(seen.headers['access-control-allow-origin'], '*');
    const image = await fixture.ask(IMAGE, { headers });
    assert.equal(image.headers['access-control-allow-origin'], undefined);
  });

  it('rejects every other method', async () => {
    await using fixture = await frontFixture();
    await fixture.put(JSON_PATH.slice(1), JSON_BODY);
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND']) {
      const { status, headers } = await fixture.ask(JSON_PATH, { method });
      assert.equal(status, 405, method);
      assert.equal(headers.allow, 'GET, HEAD, OPTIONS');
    }
    assert.equal((await fixture.ask(JSON_PATH)).body.toString(), JSON_BODY);
  });

  it('maps a failing store to a status for the client, and never to a cacheable response', async () => {
    let code: StoreErrorCode = 'unavailable';
    const fail = () => Promise.reject(new StoreError(code, 'stat', 'no: file:///secret/place'));
    const events: string[] = [];
    const log = (_: string, event: string) => void events.push(event);
    await using fixture = await frontFixture({ log }, (store) => storeWith(store, { stat: fail }));
    const wanted: [StoreErrorCode, number][] = [
      ['not_found', 404],
      ['invalid_key', 404],
      ['access_denied', 502],
      ['unavailable', 503],
      ['conflict', 503],
      ['unsupported', 500],
    ];
    for (const [next, status] of wanted) {
      code = next;
      for (const path of [IMAGE, JSON_PATH]) {
        const answer = await fixture.ask(path);
        assert.equal(answer.status, status, code);
        assert.equal(answer.headers['cache-control'], 'no-store');
        assert.equal(answer.headers['retry-after'], status === 503 ? '5' : undefined);
        assert.doesNotMatch(answer.body.toString(), /secret/);
      }
    }
    assert.equal(events.filter((event) => event === 'request failed').length, 8);
  });
});
