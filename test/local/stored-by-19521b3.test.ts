import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { parseCatalog, serializeCatalog } from '../../src/catalog/codec.ts';
import type { Catalog } from '../../src/catalog/document.ts';
import { allows } from '../../src/gateway/trust-store.ts';
import { startGateway, trustFolder } from '../../src/gateway/server.ts';
import { TrustStore } from '../../src/gateway/trust-store.ts';
import { parseSha256 } from '../../src/images/digests.ts';
import { revisionOf } from '../../src/mirrors/commit.ts';
import { fanOut } from '../../src/mirrors/fan-out.ts';
import { parseMirror, serializeMirror } from '../../src/mirrors/ledger/codec.ts';
import type { MirrorDocument } from '../../src/mirrors/ledger/document.ts';
import { listedFiles } from '../../src/catalog/listed-files.ts';
import { namedEntries } from '../../src/mirrors/ledger/selection.ts';
import { ensureCertificate } from '../../src/net/authority.ts';
import { update } from '../../src/pipeline/indexing/update.ts';
import { finishRemovals } from '../../src/pipeline/removal/finish-removals.ts';
import { listedEntries, type ListedEntry } from '../../src/simplestreams/listing.ts';
import { renderImages, renderIndex } from '../../src/simplestreams/render.ts';
import { cliOutput, startServe } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorOf, storedMirror } from '../support/stores/mirror-fixture.ts';
import {
  put,
  splitImage,
  storedCatalog,
  testContext,
  text,
} from '../support/stores/pipeline-fixture.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { restoreStores, storedText } from '../support/stores/stored-by-19521b3.ts';

const PRODUCT = 'debian:bookworm:amd64:default';
const FOLDER = 'images/debian/bookworm/amd64/default/';
const FILTER = { include: [], exclude: ['lab/*'], newest: 3 };
const HOUR = 3_600_000;

async function oldCatalog(): Promise<Catalog> {
  const parsed = parseCatalog(await storedText('master/catalog/catalog.json'));
  assert.ok(parsed.kind === 'catalog', JSON.stringify(parsed));
  return parsed.catalog;
}

async function oldMirror(): Promise<MirrorDocument> {
  const parsed = parseMirror(await storedText('mirror/catalog/mirror.json'));
  assert.ok(parsed.kind === 'mirror', JSON.stringify(parsed));
  return parsed.mirror;
}

async function states(store: Parameters<typeof storedCatalog>[0]): Promise<Record<string, string>> {
  const { products } = await storedCatalog(store);
  return Object.fromEntries(
    Object.entries(products).flatMap(([product, { versions }]) =>
      Object.entries(versions).map(([version, { state }]) => [`${product} ${version}`, state]),
    ),
  );
}

const STATES = {
  'debian:bookworm:amd64:default 20260101_0800': 'removed',
  'debian:bookworm:amd64:default 20260102_0800': 'published',
  'debian:bookworm:amd64:default 20260103_0800': 'replaced',
  'debian:bookworm:amd64:default 20260105_0800': 'incomplete',
  'debian:copies:amd64:default 20260106_0800': 'duplicate',
  'fedora:41:arm64:cloud 20260101': 'published',
  'fedora:41:arm64:cloud 20260102': 'rejected',
  'lab:one:amd64:default 20260101': 'published',
};

describe('documents of commit 19521b3', () => {
  it("are read with today's names, and all their values", async () => {
    const raw = JSON.parse(await storedText('master/catalog/catalog.json')) as {
      readonly refused: object;
      readonly products: Record<string, { versions: Record<string, { held?: object }> }>;
    };
    const catalog = await oldCatalog();
    assert.deepEqual(catalog.ignored, raw.refused);
    for (const [product, { versions }] of Object.entries(raw.products)) {
      for (const [version, { held, ...rest }] of Object.entries(versions)) {
        assert.deepEqual(catalog.products[product]?.versions[version], {
          ...rest,
          ...(held && { embargoed: held }),
        });
      }
    }
    assert.ok(catalog.products[PRODUCT]?.versions['20260103_0800']?.embargoed);
    const { leaving, held, spent } = JSON.parse(await storedText('mirror/catalog/mirror.json')) as {
      readonly [name: string]: object;
    };
    const { pendingDeletion, embargoed, tombstones } = await oldMirror();
    assert.deepEqual([pendingDeletion, embargoed, tombstones], [leaving, held, spent]);
    for (const some of [pendingDeletion, embargoed, tombstones]) {
      assert.ok(Object.keys(some).length > 0);
    }
  });

  it('are written with schema 2 and read back the same', async () => {
    const [catalog, mirror] = [await oldCatalog(), await oldMirror()];
    const stored = Buffer.from(serializeCatalog(catalog)).toString();
    assert.match(stored, /^\{"schema":2,/);
    assert.doesNotMatch(stored, /"(held|refused)":/);
    assert.deepEqual(parseCatalog(stored), { kind: 'catalog', catalog });
    const ledger = Buffer.from(serializeMirror(mirror)).toString();
    assert.match(ledger, /^\{"schema":2,/);
    assert.doesNotMatch(ledger, /"(leaving|held|spent)":/);
    assert.deepEqual(parseMirror(ledger), { kind: 'mirror', mirror });
  });

  it('give the same public files to the byte', async () => {
    const [catalog, mirror] = [await oldCatalog(), await oldMirror()];
    const revision = { catalog: catalog.generation };
    assert.equal(mirror.generation, catalog.generation);
    const named = listedFiles(namedEntries([...listedEntries(catalog)], mirror));
    const keys = new Set(named.map(({ key }) => key));
    const isNamed = ({ files }: ListedEntry) => files.every(({ key }) => keys.has(key));
    const [images, index] = ['streams/v1/images.json', 'streams/v1/index.json'];
    for (const [path, bytes] of [
      [`master/${images}`, renderImages(catalog, revision)],
      [`master/${index}`, renderIndex(catalog, revision)],
      [`mirror/${images}`, renderImages(catalog, revisionOf(mirror), isNamed)],
      [`mirror/${index}`, renderIndex(catalog, revisionOf(mirror), isNamed)],
    ] as const) {
      assert.equal(Buffer.from(bytes).toString(), await storedText(path), path);
    }
  });
});

describe('stores of commit 19521b3', () => {
  it('stay unchanged while nothing changes, and can be used from there', async (t) => {
    const { now, master } = await restoreStores(t);
    const before = await text(master, 'streams/v1/images.json');
    let later = 0;
    const context = testContext(master, { now: () => now + later });
    await update(context);
    assert.deepEqual(await states(master), STATES);
    assert.equal(await text(master, 'streams/v1/images.json'), before);
    assert.match((await text(master, 'catalog/catalog.json')) ?? '', /^\{"schema":1,/);

    await put(master, splitImage(`${FOLDER}20260110_0800/`, 'a new image'));
    await update(context);
    assert.match((await text(master, 'catalog/catalog.json')) ?? '', /^\{"schema":2,/);
    const added = { ...STATES, [`${PRODUCT} 20260110_0800`]: 'published' };
    assert.deepEqual(await states(master), added);

    later = HOUR;
    await update(context);
    assert.deepEqual(await states(master), { ...added, [`${PRODUCT} 20260103_0800`]: 'published' });
    later = 4 * HOUR;
    await finishRemovals(context);
    await update(context);
    assert.equal((await states(master))[`${PRODUCT} 20260101_0800`], undefined);
    assert.equal(await master.stat(`${FOLDER}20260101_0800/rootfs.squashfs`), undefined);
  });

  it('have mirrors that copy nothing again and delete what is due', async (t) => {
    const { now, master, mirror: store } = await restoreStores(t);
    let later = 0;
    const context = testContext(master, { now: () => now + later });
    const mirror = mirrorOf(store, { name: 'copy', filter: FILTER });
    const before = await oldMirror();
    const first = await fanOut(context, mirror);
    assert.deepEqual([first.copied, first.missing.files, first.failures.size], [0, 0, 0]);
    const { pendingDeletion } = await storedMirror(store);
    assert.deepEqual(Object.keys(pendingDeletion), Object.keys(before.pendingDeletion));
    later = 4 * HOUR;
    await update(context);
    await fanOut(context, mirror);
    // The embargo of the bytes that were overwritten now.
    later = 5 * HOUR;
    const last = await fanOut(context, mirror);
    assert.deepEqual([last.missing.files, last.leaving, last.failures.size], [0, 0, 0]);
    assert.equal(await store.stat(`${FOLDER}20260101_0800/rootfs.squashfs`), undefined);
    assert.ok(await store.stat(`${FOLDER}20260103_0800/rootfs.squashfs`));
    assert.match((await text(store, 'catalog/mirror.json')) ?? '', /^\{"schema":2,/);
  });

  it('are updated and served by the command line', async (t) => {
    const { masterPath, master } = await restoreStores(t);
    const published = await text(master, 'streams/v1/images.json');
    const server = await startServe(masterPath, ['--no-watch', '--gateway', 'off']);
    assert.equal((await server.get('streams/v1/images.json')).toString(), published);
    assert.equal((await server.stop()).code, 0);
    await put(master, splitImage(`${FOLDER}20260110_0800/`, 'a new image'));
    await cliOutput(['update', '--store', `file:${masterPath}`]);
    assert.match((await text(master, 'catalog/catalog.json')) ?? '', /^\{"schema":2,/);
    const found = await states(master);
    for (const version of [
      `${PRODUCT} 20260102_0800`,
      `${PRODUCT} 20260110_0800`,
      'fedora:41:arm64:cloud 20260101',
      'lab:one:amd64:default 20260101',
    ]) {
      assert.equal(found[version], 'published', version);
    }
  });
});

describe('a trust folder of commit 19521b3', () => {
  it('gives each client its rights, no more and no less', async (t) => {
    const { state } = await restoreStores(t);
    const [everything, lab] = await new TrustStore(trustFolder(state)).list();
    assert.deepEqual([everything?.name, everything?.allow, lab?.name], ['everything', [], 'lab']);
    for (const [path, isAllowed] of [
      ['lab/one/amd64/default', true],
      ['lab/one/arm64/cloud', true],
      ['any/one/arm64/default', true],
      ['debian/12/amd64/cloud', true],
      ['deb/x/amd64/x', true],
      ['busybox/static/amd64/x', true],
      ['busybox/static/arm64/x', false],
      ['debian/12/arm64/cloud', false],
      ['any/default/amd64/cloud', false],
      ['alab/one/amd64/cloud', false],
      ['any/one/arm64/defaults', false],
    ] as const) {
      assert.equal(allows(lab?.allow ?? [], path), isAllowed, path);
      assert.equal(allows(everything?.allow ?? [], path), true, path);
    }
  });

  it('lets a client join with a token that was unused', async (t) => {
    const { state, secret } = await restoreStores(t);
    const trust = new TrustStore(trustFolder(state));
    assert.deepEqual(
      (await trust.pendingTokens(Date.now())).map(({ name }) => name),
      ['guest'],
    );
    const fingerprint = parseSha256('a'.repeat(64))!;
    assert.deepEqual((await trust.redeem(secret, fingerprint, Date.now()))?.allow, ['iats/*']);
    assert.equal(await trust.redeem(secret, fingerprint, Date.now()), undefined);
  });

  it('publishes the staged image of its client', async (t) => {
    const { master, state } = await restoreStores(t);
    const tls = await ensureCertificate({ stateDir: state, hosts: ['127.0.0.1'] });
    const gateway = await startGateway({
      store: master,
      state,
      host: '127.0.0.1',
      port: 0,
      tls,
      log: silentLogger,
      rest: 0,
    });
    t.after(() => gateway.close(0));
    await eventually(async () => {
      const placed = await Array.fromAsync(master.list('images/busybox/static/amd64/default/'));
      const staged = await Array.fromAsync(master.list('uploads/waiting/'));
      return placed.length === 2 && staged.length === 0;
    });
  });
});
