import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';

import { issueAuthority, issueServer } from '../../../src/net/issue.ts';
import type { FetchPolicy } from '../../../src/sources/streams/fetch-policy.ts';
import { openRemote } from '../../../src/sources/streams/public-server.ts';
import { eventually } from '../../support/eventually.ts';

async function listening(t: TestContext, server: Server, scheme: string): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = (t: TestContext, answer: RequestListener) =>
  listening(t, createHttpServer(answer), 'http');

async function https(t: TestContext, answer: RequestListener) {
  const authority = await issueAuthority('upstream', Date.now());
  const pair = await issueServer(authority, ['127.0.0.1'], Date.now());
  const url = await listening(t, createHttpsServer(pair, answer), 'https');
  return { url, authority: { pem: authority.cert, system: [] }, certificate: pair.cert };
}

/** The whole file, as a reader receives it. */
async function read(t: TestContext, url: string, policy: FetchPolicy, path = 'x'): Promise<string> {
  const remote = openRemote(url, policy);
  t.after(() => remote.close());
  const chunks = await (await remote.open(path)).toArray();
  return Buffer.concat(chunks as Buffer[]).toString();
}

/** Responds to `/N` with N redirects before the body. */
const countdown: RequestListener = ({ url = '' }, response) => {
  const left = Number(url.slice(1));
  if (left === 0) response.end('there');
  else response.writeHead(302, { location: `${left - 1}` }).end('elsewhere');
};

describe('the fetcher of public files', () => {
  it('requests the bytes unencoded, below the URL', async (t) => {
    const url = await http(t, ({ url: target, headers }, response) => {
      response.end(`${target ?? ''} ${String(headers['accept-encoding'])}`);
    });
    for (const base of [`${url}/a/b`, `${url}/a/b///`]) {
      for (const path of ['c/d:e', '/c/d:e']) {
        assert.equal(await read(t, base, {}, path), '/a/b/c/d:e identity');
      }
    }
  });

  it('explains a status', async (t) => {
    const url = await http(t, ({ url: target = '' }, response) => {
      response.writeHead(Number(target.slice(1))).end('no');
    });
    for (const [status, code] of [
      [404, 'not_found'],
      [410, 'not_found'],
      [401, 'access_denied'],
      [403, 'access_denied'],
      [206, 'unavailable'],
      [304, 'unavailable'],
      [500, 'unavailable'],
    ] as const) {
      await assert.rejects(read(t, url, {}, String(status)), { name: 'StoreError', code });
    }
  });

  it('follows as many redirects as the clients, and no more', async (t) => {
    const url = await http(t, countdown);
    assert.equal(await read(t, url, {}, '9'), 'there');
    await assert.rejects(read(t, url, {}, '10'), { code: 'unavailable' });
    assert.equal(await read(t, url, { redirects: 1 }, '1'), 'there');
    await assert.rejects(read(t, url, { redirects: 1 }, '2'), { code: 'unavailable' });
  });

  it('closes a redirect with an endless body', async (t) => {
    let closed = false;
    const url = await http(t, ({ url: target }, response) => {
      if (target === '/there') return void response.end('there');
      response.writeHead(302, { location: '/there' });
      const timer = setInterval(() => response.write('more'), 5);
      response.on('close', () => {
        closed = true;
        clearInterval(timer);
      });
    });
    assert.equal(await read(t, url, {}), 'there');
    await eventually(() => closed);
  });

  it('uses plain HTTP only where the policy allows it, for redirects and absolute paths too', async (t) => {
    const inner = await http(t, (_, response) => void response.end('inner'));
    const { url, authority } = await https(t, (_, response) => {
      response.writeHead(302, { location: inner }).end();
    });
    assert.equal(await read(t, url, { authority }), 'inner');
    const secure = { authority, schemes: ['https:'] } as const;
    const refused: readonly (readonly [string, FetchPolicy, string?])[] = [
      [url, secure],
      [url, secure, inner],
      [inner, secure],
      [inner, {}, 'data:text/plain,hello'],
      [inner, {}, 'file:///etc/hostname'],
    ];
    for (const args of refused) {
      await assert.rejects(read(t, ...args), { name: 'StoreError', code: 'unsupported' });
    }
  });

  it('trusts the known authorities, one more, or one certificate alone', async (t) => {
    const answer: RequestListener = (_, response) => void response.end('there');
    const [mine, other] = [await https(t, answer), await https(t, answer)];
    const { url, authority, certificate } = mine;
    assert.equal(await read(t, url, { authority }), 'there');
    assert.equal(await read(t, url, { certificate }), 'there');
    const untrusted = { code: 'unavailable', message: /certificate/ };
    await assert.rejects(read(t, url, {}), untrusted);
    await assert.rejects(read(t, url, { authority: other.authority }), untrusted);
    await assert.rejects(read(t, url, { authority, certificate: other.certificate }), untrusted);
    await assert.rejects(read(t, url, { trustAdvice: 'ask them' }), { message: /; ask them$/ });
  });

  it('gives up on a silent server, before its response and within it', async (t) => {
    const url = await http(t, ({ url: target }, response) => {
      if (target === '/half') response.writeHead(200, { 'content-length': 10 }).write('half');
    });
    await assert.rejects(read(t, url, { idle: 100 }), { code: 'unavailable', message: /silent/ });
    await assert.rejects(read(t, url, { idle: 100 }, 'half'));
  });

  it('waits for a reader that is slower than that limit', async (t) => {
    const body = Buffer.alloc(16 * 1024 * 1024, 7);
    const url = await http(t, (_, response) => void response.end(body));
    const remote = openRemote(url, { idle: 300 });
    t.after(() => remote.close());
    let size = 0;
    for await (const chunk of (await remote.open('x')) as AsyncIterable<Buffer>) {
      if (size === 0) await wait(1000);
      size += chunk.length;
    }
    assert.equal(size, body.length);
  });

  it('ends with its signal', async (t) => {
    const abort = new AbortController();
    const url = await http(t, ({ url: target }, response) => {
      if (target === '/never') abort.abort();
      else response.writeHead(200, { 'content-length': 10 }).write('half');
    });
    await assert.rejects(read(t, url, { signal: abort.signal }, 'never'));
    const midway = new AbortController();
    const remote = openRemote(url, { signal: midway.signal });
    t.after(() => remote.close());
    const body = await remote.open('half');
    body.once('data', () => midway.abort());
    await assert.rejects(once(body, 'end'));
  });
});
