import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { cliOutput, startCli } from '../../support/cli.ts';
import { startDaemon } from '../../support/instance-daemon.ts';
import { makeLargeImage } from '../../support/large-image.ts';
import { peakMemory } from '../../support/peak-memory.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** MB. */
const MOST = 150;

/** Needs root, LXD 5, 30 GiB of disk and some minutes: run it with `npm run test:long`. */
describe('an image of 4 GiB that lxc copies to the gateway', { timeout: 900_000 }, () => {
  it(`passes in less than ${MOST} MB with nothing set, split and unified`, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder()).path;
    const source = stack.use(await startDaemon('lxd'));
    const places = ['--store', `file:${folder}/data`, '--state', join(folder, 'state')];
    const env = { ...process.env, NODE_OPTIONS: undefined };
    // A first start fills the compile cache, as an installed program's is.
    await cliOutput(['gateway', 'trust', 'list', ...places], { env, installed: true });
    const gateway = startCli(['gateway', ...places, '--port', '0'], { env, installed: true });
    stack.defer(async () => {
      gateway.child.kill('SIGTERM');
      await gateway.ended;
    });
    await once(createInterface(gateway.child.stdout!), 'line');
    const token = (await cliOutput(['gateway', 'token', 'large', ...places])).trim();
    await source.client('remote', 'add', 'hub', token);
    for (const form of ['split', 'unified'] as const) {
      const files = await makeLargeImage(folder, form, 4);
      await source.client('image', 'import', ...files, '--alias', form);
      await source.client('image', 'copy', form, 'hub:', '--mode=push');
      const peak = await peakMemory(gateway.child.pid!);
      console.log(`${form}: ${peak.toFixed(0)} MB at the peak so far`);
      assert.ok(peak < MOST, `${peak} MB`);
    }
  });
});
