import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import {
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
} from '../../support/servers/gateway-fixture.ts';

const SRC = pathToFileURL(`${import.meta.dirname}/../../../src/`);
/** The rooms that an upload passes before it is in the store. Files of types alone are not counted: nothing runs. */
const ROOMS = /^(gateway|publishing|archives|bytes)\//;
const MOST_FILES = 20;

/** The files below `src/` of which a function was called during `work`. */
async function filesCalled(work: () => Promise<void>): Promise<string[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    // Counts start anew with each report, so that what was called before is not in the next.
    await session.post('Profiler.takePreciseCoverage');
    await work();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ url }) => url.startsWith(SRC.href))
      .filter(({ functions }) =>
        functions.some(({ ranges }) => ranges.some(({ count }) => count > 0)),
      )
      .map(({ url }) => relative(fileURLToPath(SRC), fileURLToPath(url)))
      .sort();
  } finally {
    session.disconnect();
  }
}

describe('an upload to the gateway', () => {
  it('visits few files on its way to the store', async (t) => {
    await using gateway = await gatewayFixture();
    const client = await gateway.trusted();
    const { body, headers } = splitUpload(metadataTar(), SQUASHFS);
    const called = await filesCalled(async () => {
      const reply = await client('/1.0/images', {
        body: body!,
        headers: { ...headers, 'x-lxd-aliases': 'alias=debian%2F13' },
      });
      assert.equal(reply.status, 202, reply.error);
    });
    const [root = ''] = await gateway.keys('images/debian/13/');
    assert.match(root, /\/lxd\.tar\.xz$/);
    const files = called.filter((file) => ROOMS.test(file));
    t.diagnostic(`files on a gateway upload's way: ${files.length}`);
    for (const file of files) t.diagnostic(`src/${file}`);
    assert.ok(files.includes('gateway/accept-upload.ts'));
    assert.ok(files.length <= MOST_FILES);
  });
});
