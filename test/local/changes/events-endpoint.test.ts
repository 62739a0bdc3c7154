import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';

import {
  startEventsEndpoint,
  type EventsEndpoint,
} from '../../../src/local/changes/events-endpoint.ts';
import { ListenError } from '../../../src/net/listen.ts';
import { silentLogger } from '../../support/silent-logger.ts';

describe('events endpoint', () => {
  const accepted: string[] = [];
  const logged: string[] = [];
  let endpoint: EventsEndpoint;
  let url: string;

  before(async () => {
    endpoint = await startEventsEndpoint({
      host: '127.0.0.1',
      port: 0,
      token: 'secret',
      accept: (body) => {
        JSON.parse(body);
        accepted.push(body);
      },
      log: (level, event) => void logged.push(`${level} ${event}`),
    });
    url = `http://127.0.0.1:${endpoint.port}/events`;
  });
  after(() => endpoint.close());

  const post = async (body: string, headers: Record<string, string>) =>
    (await fetch(url, { method: 'POST', body, headers })).status;
  const good = { authorization: 'Bearer secret' };

  it('accepts a notification with the token', async () => {
    assert.equal(await post('{"Records":[]}', good), 200);
    assert.deepEqual(accepted, ['{"Records":[]}']);
  });

  it('rejects every other caller and body, and uses nothing of them', async () => {
    const before = accepted.length;
    assert.equal(await post('{}', {}), 401);
    for (const authorization of ['Bearer', 'Bearer ', 'Bearer secre', 'Bearer secrets', 'secret']) {
      assert.equal(await post('{}', { authorization }), 401, authorization);
    }
    const refusal = 'warn a bucket notification without the right token was refused';
    assert.deepEqual(logged, Array(6).fill(refusal));
    assert.equal(await post('not json', good), 400);
    assert.equal(await post(`"${'x'.repeat(1024 * 1024)}"`, good), 413);
    assert.equal((await fetch(url, { headers: good })).status, 405);
    assert.equal(accepted.length, before);
  });

  it('reports that its port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const options = { host: '127.0.0.1', port, token: 'x', accept: () => undefined };
    await assert.rejects(
      startEventsEndpoint({ ...options, log: silentLogger }),
      (error: unknown) =>
        error instanceof ListenError && /is in use.*--events-listen/.test(error.message),
    );
    other.close();
  });
});
