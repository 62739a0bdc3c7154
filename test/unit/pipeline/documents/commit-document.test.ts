import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  commitDocument,
  DOCUMENT_LIMIT,
} from '../../../../src/pipeline/documents/commit-document.ts';
import { freshStore, testContext } from '../../../support/stores/pipeline-fixture.ts';

describe('a document that is committed', () => {
  it('is not stored, and its writer gets an error, when it is too large to be read back', async (t) => {
    const store = await freshStore(t);
    const { etag } = await store.write('catalog/large.json', Buffer.from('{}'));
    const unexpected = () => new Error('unexpected');
    const target = {
      store,
      key: 'catalog/large.json',
      load: () => Promise.resolve({ document: {}, etag }),
      serialize: () => new Uint8Array(DOCUMENT_LIMIT + 1),
      lost: unexpected,
      contended: unexpected,
      retries: { counter: 'CommitRetries' } as const,
    };
    const change = () => Promise.resolve({});
    await assert.rejects(commitDocument(testContext(store), target, change), {
      code: 'document_too_large',
      message: /would have 257 MiB; more than 256 MiB .* `bucketstreams prune`/,
    });
    assert.equal((await store.stat('catalog/large.json'))?.etag, etag);
  });
});
