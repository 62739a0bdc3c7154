import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DOCUMENT_FACTS, documentKeys, route } from '../../../../src/facts/delivery-policy.ts';
import { startFront } from '../../../../src/local/front/server.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import { fanOut } from '../../../../src/mirrors/fan-out.ts';
import {
  PUBLIC_DOCUMENTS,
  type PublicDocument,
} from '../../../../src/pipeline/documents/public-documents.ts';
import { publishStreams } from '../../../../src/pipeline/documents/publish-streams.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { readGeneration } from '../../../../src/simplestreams/generation.ts';
import { renderImages } from '../../../../src/simplestreams/render.ts';
import { mirrorOf } from '../../../support/stores/mirror-fixture.ts';
import {
  freshStore,
  put,
  splitImage,
  testContext,
  text,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

/** A row for a document that is the same for every catalog, and is not JSON. */
function note(edition: number): PublicDocument {
  return {
    key: 'note.txt',
    contentType: 'text/plain; charset=utf-8',
    cacheControl: 'public, max-age=600',
    edition,
    render: () => Buffer.from(`note ${edition}\n`),
    readRevision: (head) => {
      const found = /^note (\d+)\n/.exec(Buffer.from(head).toString());
      return found ? { catalog: Number(found[1]) } : undefined;
    },
  };
}

/** A row for a view: another list of the same catalog, filtered. */
const VIEW: PublicDocument = {
  key: 'views/stable/streams/v1/images.json',
  contentType: 'application/json',
  cacheControl: 'public, max-age=60',
  render: ({ catalog, revision, isListed = () => true }) =>
    renderImages(catalog, revision, (image) => image.version === '20240101' && isListed(image)),
  readRevision: readGeneration,
};

const documents = [...PUBLIC_DOCUMENTS, note(2), VIEW];

/** A master with two versions, published with the rows above. */
async function published(t: TestContext) {
  const store = await freshStore(t);
  const context = testContext(store, { documents });
  for (const version of ['20240101', '20240102']) {
    await indexVersions(context, await put(store, splitImage(versionPath(version), version)));
  }
  return { store, context };
}

describe('the table of public documents', () => {
  it('has the index after the images that it names', () => {
    assert.deepEqual(
      PUBLIC_DOCUMENTS.map(({ key }) => key),
      ['streams/v1/images.json', 'streams/v1/index.json'],
    );
  });

  it('has a route for every document', () => {
    for (const { key } of DOCUMENT_FACTS) {
      assert.deepEqual(route(`/${key}`, documentKeys()), { kind: 'document', key });
    }
  });
});

describe('a row that is added to it', () => {
  it('is written after the others, and later only when it is lost or old', async (t) => {
    const { store, context } = await published(t);
    assert.equal(await text(store, 'note.txt'), 'note 2\n');
    assert.deepEqual((await publishStreams(context)).written, []);

    await store.remove('note.txt');
    await store.remove('streams/v1/index.json');
    const restored = await publishStreams(context);
    assert.deepEqual(restored.written, ['streams/v1/index.json', 'note.txt']);
    assert.equal(await text(store, 'note.txt'), 'note 2\n');

    const newer = testContext(store, { documents: [...PUBLIC_DOCUMENTS, note(3)] });
    assert.deepEqual((await publishStreams(newer)).written, ['note.txt']);
    const before = await store.stat('note.txt');
    assert.deepEqual((await publishStreams(context)).written, []);
    assert.deepEqual(await store.stat('note.txt'), before);
  });

  it('shows what its own rendering lists', async (t) => {
    const { store } = await published(t);
    const view = (await text(store, VIEW.key)) ?? '';
    assert.match(view, /20240101/);
    assert.doesNotMatch(view, /20240102/);
    assert.match((await text(store, 'streams/v1/images.json')) ?? '', /20240102/);
  });

  it('is mirrored, and is written again where it is lost on the mirror', async (t) => {
    const { store, context } = await published(t);
    const mirror = mirrorOf(await freshStore(t));
    await fanOut(context, mirror);
    for (const key of ['note.txt', VIEW.key]) {
      assert.equal(
        (await text(mirror.store, key))?.replace(/^\{"generation":\{[^}]*\}/, ''),
        (await text(store, key))?.replace(/^\{"generation":\{[^}]*\}/, ''),
      );
    }
    for (const key of ['note.txt', VIEW.key]) {
      await mirror.store.remove(key);
      await fanOut(context, mirror, { quick: true });
      assert.ok((await text(mirror.store, key)) !== undefined, key);
    }
  });

  it('does not make a store without a catalog look like another program’s', async (t) => {
    const store = await freshStore(t);
    await store.write('note.txt', Buffer.from('hello'));
    const context = testContext(store, { documents });
    await indexVersions(context, await put(store, splitImage(versionPath('20240101'), 'one')));
    assert.equal(await text(store, 'note.txt'), 'note 2\n');
  });

  it('is served by the local front under its own type and cache control', async (t) => {
    const { store } = await published(t);
    const front = await startFront({
      store,
      documents,
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
    });
    t.after(() => front.close(0));
    const response = await fetch(`${front.url}/note.txt`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'public, max-age=600');
    assert.equal(await response.text(), 'note 2\n');
    const view = await fetch(`${front.url}/${VIEW.key}`);
    assert.equal(view.headers.get('content-type'), 'application/json');
    assert.equal((await fetch(`${front.url}/other.txt`)).status, 404);
    assert.equal((await fetch(`${front.url}/views/other/streams/v1/images.json`)).status, 404);
  });

  it('is accepted by the edge, with a star for one name and a page for its folder', () => {
    const facts = { contentType: 'text/html', cacheControl: 'no-store' };
    const keys = ['index.html', 'views/*/index.html'].map((key) => ({ ...facts, key }));
    const found = (path: string) => route(path, documentKeys(keys));
    assert.deepEqual(found('/'), { kind: 'document', key: 'index.html' });
    assert.deepEqual(found('/index.html'), { kind: 'document', key: 'index.html' });
    assert.deepEqual(found('/views/a/'), { kind: 'document', key: 'views/a/index.html' });
    assert.deepEqual(found('/views/a'), { kind: 'refused', status: 404 });
    assert.deepEqual(found('/views/'), { kind: 'refused', status: 403 });
    assert.deepEqual(found('/views/a/b/index.html'), { kind: 'refused', status: 404 });
    assert.deepEqual(found('/indexAhtml'), { kind: 'refused', status: 404 });
  });
});
