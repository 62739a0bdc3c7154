import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMirror, serializeMirror } from '../../../src/mirrors/ledger/codec.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import type { Sha256 } from '../../../src/images/digests.ts';
import type { ETag } from '../../../src/storage/object-store.ts';
import { Crash, faultyStore } from '../../support/stores/faulty-store.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import {
  assertTrue,
  mirrorOf,
  namedItems,
  storedMirror,
} from '../../support/stores/mirror-fixture.ts';
import { put, testContext, text, versionPath } from '../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');
const ROOT = `${FIRST}rootfs.squashfs`;
const LATE_MS = 15 * 60 * 1000;

/** A mirror that is checked at every change, in a store where the same bytes have the same ETag. */
async function scene() {
  const lies: unknown[] = [];
  const store = memoryStore('mirror', (bodyOf) => {
    try {
      assertTrue(bodyOf);
    } catch (error) {
      lies.push(error);
    }
  });
  const context = testContext(memoryStore('master'));
  const publish = async (root: string) =>
    indexVersions(
      context,
      await put(context.store, { [`${FIRST}lxd.tar.xz`]: 'metadata', [ROOT]: root }),
    );
  await publish('one');
  await fanOut(context, mirrorOf(store));
  return { context, store, publish, lies, mirror: mirrorOf(store) };
}

describe('a condemned object', () => {
  it('is not named when its bytes are needed again: a late delete must be impossible first', async () => {
    const { context, store, publish, lies, mirror } = await scene();
    // The object is condemned, and the process is killed before it overwrites the object.
    await publish('two');
    const cut = faultyStore(store, ({ method, key }) => {
      if ((method === 'write' || method === 'upload') && key === ROOT) throw new Crash('killed');
    });
    await assert.rejects(fanOut(context, { ...mirror, store: cut }), Crash);
    const condemned = (await storedMirror(store)).pendingDeletion[ROOT];
    assert.equal(condemned?.condemned, true);

    await publish('one');
    await fanOut(context, mirror, { graceMs: 0 });
    assert.equal(await text(store, ROOT), 'one');
    assert.equal(
      (await store.stat(ROOT))?.etag,
      condemned.etag,
      'as it was before, to all who look',
    );
    assert.deepEqual(await namedItems(store), []);
    // A delete that another process started earlier is executed now.
    await store.remove(ROOT, { ifMatch: condemned.etag });
    await fanOut(context, mirror);
    assert.deepEqual(await namedItems(store), []);
    context.advance(LATE_MS + 1);
    const report = await fanOut(context, mirror, { quick: true });
    assert.equal(report.missing.files, 0);
    assert.equal((await namedItems(store)).length, 3);
    assert.deepEqual(lies, []);
  });

  it('does not block the publication of new bytes under its key', async () => {
    const { context, store, publish, lies, mirror } = await scene();
    await publish('two');
    const report = await fanOut(context, mirror, { graceMs: 60_000 });
    assert.equal(report.missing.files, 0);
    assert.equal((await namedItems(store)).length, 3);
    assert.equal(await text(store, ROOT), 'two');
    assert.deepEqual(lies, []);
  });
});

describe("a mirror's document", () => {
  it('is read as it was written', async () => {
    const { store } = await scene();
    const document = {
      ...(await storedMirror(store)),
      embargoed: { [ROOT]: { sha256: 'a'.repeat(64) as Sha256, until: 7 } },
      tombstones: { [ROOT]: { etag: 'e' as ETag, until: 9 } },
      pendingDeletion: { x: { etag: 'e' as ETag, unnamedAt: 3, condemned: true as const } },
      filter: { include: ['a/*'], exclude: ['b'], newest: 2 },
      adopting: true as const,
    };
    const bytes = serializeMirror(document);
    const parsed = parseMirror(Buffer.from(bytes).toString());
    assert.deepEqual(parsed, { kind: 'mirror', mirror: document });
  });

  it('is rejected as a whole when one value has another type, and when it is newer', async () => {
    const { store } = await scene();
    const good = (await text(store, 'catalog/mirror.json'))!;
    for (const [from, to] of [
      ['"proof":"copied"', '"proof":"hoped"'],
      ['"revision":', '"revision":-'],
      ['"filter":{', '"filter":{"newest":"two",'],
      ['"sha256":"', '"sha256":"X'],
    ] as const) {
      assert.ok(good.includes(from), from);
      assert.equal(parseMirror(good.replace(from, to)).kind, 'unreadable', to);
    }
    assert.equal(parseMirror(good.replace('"schema":2', '"schema":3')).kind, 'newer');
    assert.equal(parseMirror('').kind, 'unreadable');
  });
});
