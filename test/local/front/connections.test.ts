import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { startFront } from '../../../src/local/front/server.ts';
import { ListenError } from '../../../src/net/listen.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { eventually } from '../../support/eventually.ts';
import { frontFixture, storeWith, type FrontFixture } from '../../support/servers/front-fixture.ts';
import { ask } from '../../support/servers/https-request.ts';

const IMAGE = '/images/iats/xenial/amd64/default/20180716_12:00/disk.qcow2';
const KEY = IMAGE.slice(1);
const JSON_PATH = '/streams/v1/images.json';
const MIB = 1024 * 1024;
/** More bytes than sockets and streams buffer, so a download waits for its reader. */
const LARGE = Buffer.alloc(64 * MIB, 'x');

/** Counts the bodies that are open in a store. */
function counting() {
  const count = { opened: 0, open: 0 };
  const wrap = (store: ObjectStore) =>
    storeWith(store, {
      async read(key, options) {
        const body = await store.read(key, options);
        count.opened++;
        count.open++;
        body.stream.once('close', () => count.open--);
        return body;
      },
    });
  return { count, wrap };
}

/** Opens a TLS connection and sends `text`. */
async function connect({ front, ca }: FrontFixture, text: string): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port: front.port, ca });
  await once(socket, 'secureConnect');
  socket.write(text);
  return socket;
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("the front's connections", () => {
  it('never mix two states of an object that is replaced again and again', async () => {
    await using fixture = await frontFixture();
    const file = path.join(fixture.directory, KEY);
    const state = (letter: string) => Buffer.alloc(2 * MIB, letter);
    await fixture.put(KEY, state('a'));

    let replacing = true;
    const writer = (async () => {
      for (let turn = 0; replacing; turn++) {
        const beside = `${file}.${turn}`;
        await writeFile(beside, state(String.fromCharCode(97 + (turn % 26))));
        await rename(beside, file);
      }
    })();
    const seen = new Map<string, string>();
    const download = async () => {
      // A client retries a download that breaks off.
      const answer = await fixture.ask(IMAGE).catch(() => undefined);
      if (answer?.status !== 200) return;
      const letter = answer.body.toString('latin1', 0, 1);
      assert.ok(answer.body.equals(state(letter)));
      const etag = answer.headers.etag ?? '';
      assert.equal(seen.get(etag) ?? letter, letter);
      seen.set(etag, letter);
    };
    await eventually(async () => {
      await Promise.all([download(), download(), download()]);
      return seen.size >= 5;
    });
    replacing = false;
    await writer;
    await eventually(async () => (await fixture.ask(IMAGE)).status === 200);
  });

  const broken: [what: string, stream: () => Readable][] = [
    [
      'changes at the very end of the read',
      () => Readable.from(failing([Buffer.alloc(500), Buffer.alloc(500)])),
    ],
    ['ends early', () => Readable.from([Buffer.alloc(500), Buffer.alloc(499)])],
    ['is longer than it was', () => Readable.from([Buffer.alloc(500), Buffer.alloc(501)])],
  ];
  async function* failing(chunks: Buffer[]): AsyncGenerator<Buffer> {
    yield* chunks;
    await Promise.resolve();
    throw new StoreError('precondition_failed', 'read', 'it changed');
  }
  for (const [what, stream] of broken) {
    it(`break visibly when the object ${what}`, async () => {
      await using fixture = await frontFixture({}, (store) =>
        storeWith(store, {
          read: async (key, options) => {
            const { info, stream: unused } = await store.read(key, options);
            unused.on('error', () => undefined).destroy();
            return { info, stream: stream() };
          },
        }),
      );
      await fixture.put(KEY, Buffer.alloc(1000));
      await fixture.put(JSON_PATH.slice(1), Buffer.alloc(1000));
      await assert.rejects(fixture.ask(IMAGE));
      await assert.rejects(fixture.ask(JSON_PATH));
      const asked = { headers: { 'Accept-Encoding': 'gzip' } };
      await assert.rejects(fixture.ask(JSON_PATH, asked));
    });
  }

  it('read again when the object is replaced between the stat and the read', async () => {
    let rivals = 2;
    await using fixture = await frontFixture({}, (store) =>
      storeWith(store, {
        async read(key, options) {
          if (rivals-- > 0) await fixture.put(KEY, `state ${rivals}`);
          return store.read(key, options);
        },
      }),
    );
    await fixture.put(KEY, 'the first state');
    const { status, body } = await fixture.ask(IMAGE);
    assert.deepEqual([status, body.toString()], [200, 'state 0']);
  });

  it('leave nothing open when clients disconnect, one by one or with a full pipeline', async () => {
    const { count, wrap } = counting();
    await using fixture = await frontFixture({}, wrap);
    await fixture.put(KEY, LARGE);
    const response = await fixture.begin(IMAGE);
    await once(response, 'readable');
    response.destroy();
    await eventually(() => count.opened === 1 && count.open === 0);

    const request = `GET ${IMAGE} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = await connect(fixture, request.repeat(30));
    await eventually(() => count.opened > 2);
    socket.destroy();
    await eventually(() => count.open === 0);
    assert.equal((await fixture.ask(IMAGE, { method: 'HEAD' })).status, 200);
  });

  it('are cut when no bytes move on them', async () => {
    const { count, wrap } = counting();
    await using fixture = await frontFixture({ idleTimeout: 100 }, wrap);
    await fixture.put(KEY, LARGE);
    const response = await fixture.begin(IMAGE);
    await eventually(() => count.opened === 1 && count.open === 0);
    await assert.rejects(textOf(response));
  });

  it('redirect plain HTTP on the TLS port', async () => {
    await using fixture = await frontFixture();
    await fixture.put(KEY, 'bytes');
    const { port } = fixture.front;
    const plain = `http://127.0.0.1:${port}`;
    const { status, headers } = await ask(plain, { path: `${IMAGE}?a=b` });
    assert.equal(status, 301);
    assert.equal(headers.location, `https://127.0.0.1:${port}${IMAGE}?a=b`);
    const followed = await ask(headers.location, { ca: fixture.ca });
    assert.equal(followed.body.toString(), 'bytes');

    for (const host of ['a b', 'x/y', 'user@host']) {
      assert.equal((await ask(plain, { path: IMAGE, headers: { Host: host } })).status, 400, host);
    }
    const socket = net.connect(port, '127.0.0.1');
    socket.end('\x80nonsense\r\n\r\n');
    assert.match(await textOf(socket), /^HTTP\/1.1 400 /);
  });

  it('are plain HTTP when there is no certificate', async () => {
    await using fixture = await frontFixture({ tls: undefined });
    await fixture.put(KEY, 'bytes');
    assert.match(fixture.front.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await fixture.ask(IMAGE)).body.toString(), 'bytes');
  });

  it('use TLS 1.3, and 1.2 for clients without 1.3', async () => {
    await using fixture = await frontFixture();
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      const { ca, front } = fixture;
      const socket = tls.connect({ host: '127.0.0.1', port: front.port, ca, maxVersion: version });
      await once(socket, 'secureConnect');
      assert.equal(socket.getProtocol(), version);
      socket.destroy();
    }
  });

  it('use no chunks for HTTP/1.0 clients', async () => {
    await using fixture = await frontFixture();
    const body = JSON.stringify('x'.repeat(5000));
    await fixture.put(JSON_PATH.slice(1), body);
    const request = `GET ${JSON_PATH} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n`;
    const answer = await textOf(await connect(fixture, request));
    assert.match(answer, /\r\nContent-Length: 5002\r\n/i);
    assert.ok(answer.endsWith(`\r\n\r\n${body}`));
  });

  it('reject endless headers and broken requests', async () => {
    await using fixture = await frontFixture();
    const { status } = await fixture.ask(IMAGE, { headers: { 'X-Long': 'x'.repeat(20_000) } });
    assert.equal(status, 431);
    assert.match(await textOf(await connect(fixture, 'GET\r\n\r\n')), /^HTTP\/1.1 400 /);
  });

  it('cannot be opened on a port in use, and the error shows what to do', async () => {
    await using fixture = await frontFixture();
    const { port } = fixture.front;
    const store = storeWith({} as ObjectStore, {});
    const starting = startFront({ store, host: '127.0.0.1', port, log: silentLogger });
    await assert.rejects(starting, (error) => {
      assert.ok(error instanceof ListenError);
      assert.match(error.message, new RegExp(`port ${port} .*in use.*--port`));
      return true;
    });
  });

  it('finish their responses when the front closes, and accept nothing new', async () => {
    await using fixture = await frontFixture();
    await fixture.put(KEY, LARGE);
    const response = await fixture.begin(IMAGE);
    await once(response, 'readable');
    const silent = net.connect(fixture.front.port, '127.0.0.1');
    await once(silent, 'connect');

    const closed = fixture.front.close(60_000);
    await assert.rejects(fixture.ask(IMAGE), { code: 'ECONNREFUSED' });
    assert.equal((await textOf(response)).length, LARGE.length);
    await closed;
    silent.destroy();
  });

  it('are cut when they take longer than closing allows', async () => {
    const { count, wrap } = counting();
    await using fixture = await frontFixture({}, wrap);
    await fixture.put(KEY, LARGE);
    const response = await fixture.begin(IMAGE);
    await once(response, 'readable');
    await fixture.front.close(50);
    await assert.rejects(textOf(response));
    await eventually(() => count.open === 0);
  });
});
