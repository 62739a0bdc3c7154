import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { versionProblem } from '../../../src/images/layout.ts';
import { reserveVersion } from '../../../src/publishing/reservation.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';

const STAMP = '20260101_1200';

describe('versions of one product in one minute', () => {
  it('sort as text in the order of their creation, for any number', async () => {
    const store = memoryStore('memory');
    const product = { os: 'a', release: 'b', arch: 'amd64', variant: 'c' };
    const versions: string[] = [];
    for (let n = 1; n <= 120; n++) {
      const slot = await reserveVersion(store, product, STAMP);
      await slot.putBytes('lxd_combined.tar.gz', Buffer.from(String(n)));
      await slot.finish();
      versions.push(slot.ref.version);
    }
    assert.deepEqual(versions.toSorted(), versions);
    assert.equal(new Set(versions).size, 120);
    assert.deepEqual(
      [1, 2, 9, 10, 99, 100, 120].map((n) => versions[n - 1]),
      [
        ...[STAMP, `${STAMP}-2`, `${STAMP}-9`, `${STAMP}-9-10`, `${STAMP}-9-99`],
        ...[`${STAMP}-9-99-100`, `${STAMP}-9-99-120`],
      ],
    );
    assert(versions.every((version) => versionProblem(version) === undefined));
    assert(versions.every((version) => version < '20260101_1201'));
  });
});
