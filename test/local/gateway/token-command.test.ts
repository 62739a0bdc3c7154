import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { runCli } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('gateway token', () => {
  it('rejects options that could let nobody join', async () => {
    await using folder = await temporaryFolder();
    const store = ['--store', `file:${join(folder.path, 'data')}`];
    const cases: readonly [readonly string[], RegExp][] = [
      [['x', '--expiry', '0'], /--expiry is "0"; more than 0 seconds and at most 31536000/],
      [['x', '--expiry', '31536001'], /at most 31536000 \(a year\)/],
      [['x', '--allow', 'iats//'], /--allow is "iats\/\/"; it can match no product; write os/],
      [['x', '--allow', '/iats/*'], /--allow is "\/iats\/\*"; it can match no product/],
      [['x', '--name', 'https://hub'], /--name is "https:\/\/hub"; a host name or an address/],
      [['x', '--name', 'hub:8444'], /the port goes into --port/],
      [[''], /the client's name is ""; one line of 1 to 128 characters/],
      [['a\nb'], /the client's name is "a\\nb"/],
      [['x'.repeat(129)], /1 to 128 characters/],
    ];
    for (const [args, reason] of cases) {
      const { code, stderr, stdout } = await runCli(['gateway', 'token', ...args, ...store]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, reason);
      assert.equal(stdout, '');
    }
  });

  it('is withdrawn by its name until it is used', async () => {
    await using folder = await temporaryFolder();
    const store = ['--store', `file:${join(folder.path, 'data')}`];
    const names = ['--name', 'hub.example.org', '--name', '::1', '--allow', '*/amd64/*'];
    const made = await runCli(['gateway', 'token', 'tk', ...names, ...store]);
    assert.equal(made.code, 0, made.stderr);
    const removed = await runCli(['gateway', 'trust', 'remove', 'tk', ...store]);
    assert.equal(removed.code, 0, removed.stderr);
    assert.match(removed.stdout, /^tk token until /);
    const again = await runCli(['gateway', 'trust', 'remove', 'tk', ...store]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /no client has joined as tk, and no token for it is out/);
    const { stdout } = await runCli(['gateway', '--json', ...store, 'trust', 'list']);
    assert.deepEqual(JSON.parse(stdout), { clients: [], tokens: [] });
  });
});
