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
/**
 * The rooms that process an upload before it is in the store. Files with types only are not
 * counted, because no code of them runs.
 */
const ROOMS = /^(gateway|publishing|archives|bytes)\//;
const MOST_FILES = 20;

/** The files below `src/` with a function that was called during `work`. */
async function filesCalled(work: () => Promise<void>): Promise<string[]> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    // A report resets the counts, so the next report has no earlier calls.
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
  it('uses few files on its way to the store', async (t) => {
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
