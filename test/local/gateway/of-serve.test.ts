import assert from 'node:assert/strict';
import { access, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { issueAuthority } from '../../../src/net/issue.ts';
import { cliOutput, runCli } from '../../support/cli.ts';
import { serveStore } from '../../support/program.ts';
import { temporaryFolder } from '../../support/temporary.ts';

interface Token {
  readonly secret: string;
  readonly addresses: readonly string[];
  readonly fingerprint: string;
}

describe('the gateway of serve', () => {
  it('accepts a client by a token that contains its address', async () => {
    await using folder = await temporaryFolder();
    const store = `file:${join(folder.path, 'data')}`;
    const state = join(folder.path, 'state');
    await using server = await serveStore({ store, state });
    const places = ['--store', store, '--state', state];
    const text = await cliOutput(['gateway', 'token', 'me', '--allow', 'a/*', ...places]);
    const token = JSON.parse(Buffer.from(text, 'base64').toString()) as Token;
    const ca = await readFile(server.caFile, 'utf8');
    const pair = await issueAuthority('me', Date.now());
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    const sent = https.request(
      `https://${token.addresses[0]!}/1.0/certificates`,
      { ...pair, ca, agent: false, method: 'POST' },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify({ type: 'client', trust_token: text.trim() }));
    assert.equal(await promise, 200);
    const listed = await cliOutput(['gateway', 'trust', 'list', '--json', ...places]);
    const { clients } = JSON.parse(listed) as { clients: { name: string; allow: string[] }[] };
    assert.deepEqual(
      clients.map(({ name, allow }) => ({ name, allow })),
      [{ name: 'me', allow: ['a/*'] }],
    );
  });

  it('is not needed for the sweep that deletes what uploads left behind', async () => {
    await using folder = await temporaryFolder();
    const data = join(folder.path, 'data');
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
    const left = ['uploads/waiting/id', 'uploads/claims/a/1/amd64/b'];
    for (const place of left) {
      await mkdir(join(data, place), { recursive: true });
      const file = join(data, place, '20260101_1200');
      await writeFile(file, 'left');
      await utimes(file, twoDaysAgo, twoDaysAgo);
    }
    await using server = await serveStore({
      store: `file:${data}`,
      state: join(folder.path, 'state'),
      args: ['--gateway', 'off'],
    });
    for (const place of left) {
      await assert.rejects(access(join(data, place, '20260101_1200')), { code: 'ENOENT' });
    }
    assert.match(server.log(), /discarded what an upload left behind/);
  });

  it('can be disabled, and misused options are reported', async () => {
    await using folder = await temporaryFolder();
    const store = `file:${join(folder.path, 'data')}`;
    await using server = await serveStore({
      store,
      state: join(folder.path, 'state'),
      args: ['--gateway', 'off'],
    });
    assert.doesNotMatch(server.log(), /can put images in/);
    for (const args of [
      ['serve', '--gateway', 'nowhere'],
      ['gateway', 'token'],
      ['gateway', 'x'],
    ]) {
      const ended = await runCli([...args, '--store', store]);
      assert.equal(ended.code, 2, ended.stderr);
    }
  });
});
