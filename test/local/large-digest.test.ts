import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HashedRoot } from '../../bench/hash-root.ts';
import { run } from '../support/command.ts';
import { numberedBytes } from '../support/images/digest-bodies.ts';

const folder = mkdtempSync(join(tmpdir(), 'large-digest-'));
after(() => rmSync(folder, { recursive: true }));

const GIB = 1024 ** 3;
/** More than 32 bits can hold, and not a multiple of any buffer. */
const SIZE = 4 * GIB + 12_345;
/** The output of `sha256sum rootfs.squashfs`, which takes half a minute. */
const ALONE = '4baaf0a2e2d06363b8811ddbc01d3e2617fbf0f01ccf4b0aa80c0a543d22acec';
/** The output of `cat lxd.tar.xz rootfs.squashfs | sha256sum`. */
const COMBINED = '28e5ae24feeddbea7d9dc096b7078a2b5a6cad6f2121c4cd6b2aea8159338e24';

describe('digests of a file of more than 4 GiB', () => {
  it('equal sha256sum, in a small heap and bounded memory', async () => {
    const root = 'images/os/release/amd64/default/20260101/rootfs.squashfs';
    const metadata = 'images/os/release/amd64/default/20260101/lxd.tar.xz';
    mkdirSync(join(folder, dirname(root)), { recursive: true });
    writeFileSync(join(folder, metadata), numberedBytes(612));
    // The file is a hole with bytes before it.
    writeFileSync(join(folder, root), numberedBytes(100_003));
    truncateSync(join(folder, root), SIZE);

    const script = fileURLToPath(new URL('../../bench/hash-root.ts', import.meta.url));
    const output = await run(process.execPath, [
      '--max-old-space-size=64',
      script,
      folder,
      root,
      metadata,
    ]);
    const ours = JSON.parse(output) as HashedRoot;
    assert.equal(ours.sha256, ALONE);
    assert.equal(ours.combined, COMBINED);
    // The test runs from the sources, so each of the three threads also holds the type stripper.
    assert.ok(ours.maxRssKiB < 200 * 1024, `peak memory was ${ours.maxRssKiB} KiB`);
  });
});
