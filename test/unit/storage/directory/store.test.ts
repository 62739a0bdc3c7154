import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DENIED, LINK, SPECIAL } from '../../../../src/storage/directory/list.ts';
import {
  openDirectoryStore,
  type DirectoryStoreOptions,
} from '../../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import { run } from '../../../support/command.ts';
import { bytes, chunked, collect, pattern, rejectsWith } from '../../../support/stores/objects.ts';
import { temporaryFolder } from '../../../support/temporary.ts';
import { asNobody } from '../../../support/users.ts';

interface Fixture extends AsyncDisposable {
  readonly path: string;
  readonly store: ObjectStore;
  readonly skipped: string[];
}

async function fixture(options: Partial<DirectoryStoreOptions> = {}): Promise<Fixture> {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'store');
  const skipped: string[] = [];
  const onSkipped = (key: string, reason: string) => skipped.push(`${key}: ${reason}`);
  const store = await openDirectoryStore({ path, onSkipped, ...options });
  return {
    path,
    store,
    skipped,
    async [Symbol.asyncDispose]() {
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function keys(store: ObjectStore, prefix = ''): Promise<string[]> {
  return (await collect(store.list(prefix))).map(({ key }) => key);
}

describe('directory store: opening', () => {
  it('makes the folder but not its parents', async () => {
    await using folder = await temporaryFolder();
    const store = await openDirectoryStore({ path: join(folder.path, 'new') });
    assert.match(store.url, /^file:\/\/\/.*\/new$/);
    await store.close();
    await rejectsWith('not_found', openDirectoryStore({ path: join(folder.path, 'no/new') }));
    const reading = openDirectoryStore({ path: join(folder.path, 'none'), use: 'read' });
    await rejectsWith('not_found', reading);
    await writeFile(join(folder.path, 'file'), '');
    await rejectsWith('unsupported', openDirectoryStore({ path: join(folder.path, 'file') }));
    assert.deepEqual((await readdir(folder.path)).sort(), ['file', 'new']);
  });

  it('rejects a folder of another user, and names its owner', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'theirs');
    await mkdir(path);
    await writeFile(join(path, 'readable'), 'x');
    await chmod(path, 0o555);
    await asNobody(async () => {
      await rejectsWith('access_denied', openDirectoryStore({ path }));
      await assert.rejects(openDirectoryStore({ path }), /belongs to user id \d+/);
      const reader = await openDirectoryStore({ path, use: 'read' });
      assert.deepEqual(await keys(reader), ['readable']);
      await rejectsWith('access_denied', reader.write('new', Buffer.from('x')));
      await reader.close();
    });
    await chmod(path, 0o755);
  });

  it('reports a store whose folder is missing, instead of an empty one', async () => {
    await using at = await fixture();
    await rm(at.path, { recursive: true });
    await rejectsWith('not_found', keys(at.store));
    await rejectsWith('not_found', keys(at.store, 'images/'));
    await rejectsWith('not_found', at.store.stat('key'));
    await rejectsWith('not_found', at.store.write('key', Buffer.from('x')));
  });
});

describe('directory store: files that are not objects', () => {
  it('follows no symbolic link, to files or through folders, and reports it', async () => {
    await using at = await fixture();
    const { store, path, skipped } = at;
    await store.write('real/file', Buffer.from('x'));
    await symlink('file', join(path, 'real/link'));
    await symlink('real', join(path, 'linked'));
    await symlink('nowhere', join(path, 'dangling'));
    assert.deepEqual(await keys(store), ['real/file']);
    assert.deepEqual(skipped, [`dangling: ${LINK}`, `linked: ${LINK}`, `real/link: ${LINK}`]);
    for (const key of ['real/link', 'linked', 'linked/file', 'dangling']) {
      skipped.length = 0;
      assert.equal(await store.stat(key), undefined, key);
      assert.deepEqual(skipped, [`${key}: ${LINK}`]);
      await rejectsWith('not_found', store.read(key), key);
      await rejectsWith('invalid_key', store.write(key, Buffer.from('y')), key);
      await store.remove(key);
    }
    assert.deepEqual(await keys(store, 'linked/'), []);
    await rejectsWith('invalid_key', store.upload('linked/new', chunked(pattern(1))));
    assert.equal(await readFile(join(path, 'real/file'), 'utf8'), 'x');
    assert.deepEqual((await readdir(join(path, 'real'))).sort(), ['file', 'link']);
  });

  it('does not block at a named pipe', async () => {
    await using at = await fixture();
    await run('mkfifo', [join(at.path, 'pipe')]);
    assert.deepEqual(await keys(at.store), []);
    assert.equal(await at.store.stat('pipe'), undefined);
    assert.deepEqual(at.skipped, [`pipe: ${SPECIAL}`, `pipe: ${SPECIAL}`]);
    await rejectsWith('invalid_key', at.store.write('pipe', Buffer.from('x')));
  });

  it('hides names that start with a dot, and does not write them', async () => {
    await using at = await fixture();
    await at.store.write('shown', Buffer.from('x'));
    await mkdir(join(at.path, 'a/.hidden'), { recursive: true });
    await writeFile(join(at.path, 'a/.hidden/file'), 'x');
    await writeFile(join(at.path, '.dot'), 'x');
    assert.deepEqual(await keys(at.store), ['shown']);
    for (const key of ['.dot', 'a/.hidden/file', '.bucketstreams/lock']) {
      assert.equal(await at.store.stat(key), undefined, key);
      await rejectsWith('not_found', at.store.read(key), key);
      await rejectsWith('invalid_key', at.store.write(key, Buffer.from('x')), key);
      await rejectsWith('invalid_key', at.store.remove(key), key);
    }
    assert.deepEqual(await keys(at.store, '.'), []);
    assert.deepEqual(await keys(at.store, 'a/.hidden/'), []);
  });

  it('lists names that are not UTF-8 with U+FFFD, also below folders with such names', async () => {
    await using at = await fixture();
    await mkdir(Buffer.concat([Buffer.from(`${at.path}/dir-`), Buffer.from([0xff])]));
    await writeFile(
      Buffer.concat([Buffer.from(`${at.path}/dir-`), Buffer.from([0xff]), Buffer.from('/file')]),
      'x',
    );
    await writeFile(
      Buffer.concat([Buffer.from(`${at.path}/bad-`), Buffer.from([0xc3, 0x28])]),
      'x',
    );
    await writeFile(join(at.path, 'good'), 'x');
    assert.deepEqual(await keys(at.store), ['bad-\ufffd(', 'dir-\ufffd/file', 'good']);
    assert.equal(await at.store.stat('bad-\ufffd('), undefined);
  });

  it('keeps folders and files apart', async () => {
    await using at = await fixture();
    await at.store.write('folder/file', Buffer.from('x'));
    assert.equal(await at.store.stat('folder'), undefined);
    await rejectsWith('invalid_key', at.store.write('folder', Buffer.from('x')));
    await rejectsWith('invalid_key', at.store.write('folder/file/below', Buffer.from('x')));
    await rejectsWith('invalid_key', at.store.write(`folder/${'n'.repeat(256)}`, Buffer.from('x')));
    assert.deepEqual(await keys(at.store), ['folder/file']);
  });

  it('does not treat a folder without permission as an empty one', async () => {
    await using at = await fixture();
    await at.store.write('open/file', Buffer.from('x'));
    await at.store.write('shut/file', Buffer.from('x'));
    await chmod(join(at.path, 'shut'), 0o000);
    await asNobody(async () => {
      await rejectsWith('access_denied', keys(at.store));
      await rejectsWith('access_denied', keys(at.store, 'shut/'));
      await rejectsWith('access_denied', at.store.stat('shut/file'));
      assert.deepEqual(await keys(at.store, 'open/'), ['open/file']);
    });
    await chmod(join(at.path, 'shut'), 0o755);
  });

  it('lists what is beside folders without permission, and names those folders', async () => {
    await using at = await fixture();
    for (const key of ['a/file', 'blind/file', 'blind/below/file', 'shut/file', 'z/file']) {
      await at.store.write(key, Buffer.from('x'));
    }
    await chmod(join(at.path, 'shut'), 0o000);
    await chmod(join(at.path, 'blind'), 0o744); // Its names may be read, but nothing else about them.
    const denied: string[] = [];
    const onDenied = (prefix: string) => void denied.push(prefix);
    await asNobody(async () => {
      const found = await collect(at.store.list('', { onDenied }));
      assert.deepEqual(
        found.map(({ key }) => key),
        ['a/file', 'z/file'],
      );
      assert.deepEqual(denied, ['blind/below/', 'blind/', 'shut/']);
      assert.deepEqual(
        at.skipped,
        denied.map((key) => `${key}: ${DENIED}`),
      );
      for (const prefix of ['blind/', 'shut/', 'shut/fi']) {
        await rejectsWith('access_denied', collect(at.store.list(prefix, { onDenied })));
      }
      await assert.rejects(collect(at.store.list('')), /Cannot list "blind\/below\/"/);
    });
    for (const name of ['blind', 'shut']) await chmod(join(at.path, name), 0o755);
  });
});

describe('directory store: files of other programs', () => {
  it('report the remaining time until they are settled, unlike its own files', async () => {
    await using at = await fixture({ settleMs: 3_600_000 });
    const own = await at.store.write('own', Buffer.from('x'));
    assert.equal(own.unsettledFor, undefined);
    assert.equal((await at.store.stat('own'))?.unsettledFor, undefined);
    await writeFile(join(at.path, 'foreign'), 'x');
    const [foreign, listed] = await collect(at.store.list(''));
    assert.equal(listed?.unsettledFor, undefined);
    const rest = foreign?.unsettledFor ?? 0;
    assert(rest > 0 && rest <= 3_600_000, `rest ${rest}`);
    const body = await at.store.read('foreign');
    body.stream.destroy();
    assert(body.info.unsettledFor);
    // A modification time in the past or the future does not show when the file was written.
    for (const time of [new Date(0), new Date('2100-01-01')]) {
      await utimes(join(at.path, 'foreign'), time, time);
      const seen = await at.store.stat('foreign');
      assert.equal(seen?.lastModified, time.getTime());
      assert((seen.unsettledFor ?? 0) > 0 && seen.unsettledFor! <= 3_600_000);
    }
    await appendFile(join(at.path, 'own'), 'y');
    const changed = await at.store.stat('own');
    assert.notEqual(changed?.etag, own.etag);
    assert(changed?.unsettledFor);
    await rename(join(at.path, 'own'), join(at.path, 'moved'));
    assert((await at.store.stat('moved'))?.unsettledFor);
  });

  it('are complete when they are settled', async () => {
    await using at = await fixture({ settleMs: 0 });
    await writeFile(join(at.path, 'foreign'), 'x');
    await utimes(join(at.path, 'foreign'), new Date('2100-01-01'), new Date('2100-01-01'));
    assert.equal((await at.store.stat('foreign'))?.unsettledFor, undefined);
  });

  it('have another ETag after any change, although size and modification time stay', async () => {
    await using at = await fixture();
    const path = join(at.path, 'same');
    const time = new Date('2020-01-01');
    await writeFile(path, 'aaaa');
    await utimes(path, time, time);
    const before = await at.store.stat('same');
    await writeFile(path, 'bbbb');
    await utimes(path, time, time);
    const after = await at.store.stat('same');
    assert.equal(after?.lastModified, before?.lastModified);
    assert.notEqual(after?.etag, before?.etag);
    assert.match(after!.etag, /^[0-9a-z-]{1,80}$/);
  });

  for (const [what, change] of [
    ['grow', (path: string) => appendFile(path, 'more')],
    ['shrink', (path: string) => truncate(path, 5_000_000)],
    ['change', overwriteInPlace],
  ] as const) {
    it(`that ${what} during a read end it with an error, whole or by range`, async () => {
      await using at = await fixture();
      const path = join(at.path, 'file');
      for (const [pinned, range] of [
        [true, undefined],
        [false, undefined],
        [true, { start: 10, end: 11_000_000 }],
        [false, { start: 10, end: 11_000_000 }],
      ] as const) {
        await writeFile(path, Buffer.alloc(12_000_000, 'o'));
        const ifMatch = pinned ? (await at.store.stat('file'))?.etag : undefined;
        const { stream } = await at.store.read('file', { range, ifMatch });
        const iterator = stream.iterator();
        await iterator.next();
        await change(path);
        await rejectsWith(pinned ? 'precondition_failed' : 'unavailable', collect(iterator));
      }
    });
  }

  it('that are replaced or removed during a read are read as they were', async () => {
    await using at = await fixture();
    const old = pattern(12_000_000);
    await at.store.write('file', old);
    const { stream } = await at.store.read('file');
    const iterator = stream.iterator();
    const first = (await iterator.next()) as IteratorResult<Buffer, undefined>;
    await at.store.remove('file');
    const rest = await collect<Buffer>(iterator);
    assert(Buffer.concat([first.value!, ...rest]).equals(old));
  });
});

describe('directory store: writing', () => {
  it('gives files and folders the usual modes', async () => {
    await using at = await fixture();
    const { etag } = await at.store.write('a/b/file', Buffer.from('x'));
    await at.store.copy({ store: at.store, key: 'a/b/file', etag, size: 1 }, 'a/copy');
    const mode = async (name: string) => (await stat(join(at.path, name))).mode & 0o777;
    await mkdir(join(at.path, 'probe'), 0o777);
    const mask = await mode('probe');
    assert.equal(await mode('a/b/file'), 0o644 & mask);
    assert.equal(await mode('a/copy'), 0o644 & mask);
    assert.equal(await mode('a/b'), 0o755 & mask);
    assert.equal(await mode('.bucketstreams'), 0o700 & mask);
  });

  it('stores gzipped bodies decoded', async () => {
    await using at = await fixture();
    const text = Buffer.from('{"products": {}}');
    const zipped = gzipSync(text);
    const written = await at.store.write('a.json', zipped, { contentEncoding: 'gzip' });
    assert.equal(written.size, text.length);
    await at.store.upload('b.json', chunked(zipped), { contentEncoding: 'gzip' });
    for (const key of ['a.json', 'b.json']) {
      const body = await at.store.read(key);
      assert.equal(body.contentEncoding, undefined);
      assert((await bytes(body.stream)).equals(text));
    }
    const broken = at.store.write('c.json', text, { contentEncoding: 'gzip' });
    await rejectsWith('unavailable', broken);
    assert.deepEqual(await keys(at.store), ['a.json', 'b.json']);
  });

  it('copies between two stores, on any file systems', async () => {
    await using from = await fixture();
    await using to = await fixture();
    const content = pattern(3_000_001);
    const { etag, size } = await from.store.write('a/from', content);
    const progress: number[] = [];
    const onProgress = (done: number) => progress.push(done);
    await to.store.copy({ store: from.store, key: 'a/from', etag, size }, 'b/to', { onProgress });
    assert((await readFile(join(to.path, 'b/to'))).equals(content));
    assert.equal(progress.at(-1), size);
    assert.deepEqual(await readdir(join(to.path, 'b')), ['to']);
  });

  it('never gives two states one ETag, however fast they follow each other', async () => {
    await using at = await fixture();
    const etags = new Set<string>();
    for (let count = 0; count < 300; count += 1) {
      etags.add((await at.store.write('fast', Buffer.from('same'))).etag);
    }
    assert.equal(etags.size, 300);
  });

  it('deletes folders that a removal leaves empty, and no others', async () => {
    await using at = await fixture();
    await at.store.write('a/b/c/file', Buffer.from('x'));
    await at.store.write('a/other', Buffer.from('x'));
    await mkdir(join(at.path, 'empty'));
    await at.store.remove('a/b/c/file');
    assert.deepEqual((await readdir(at.path)).sort(), ['.bucketstreams', 'a', 'empty']);
    assert.deepEqual(await readdir(join(at.path, 'a')), ['other']);
  });

  it('works on when its state folder is deleted', async () => {
    await using at = await fixture();
    const { etag } = await at.store.write('key', Buffer.from('x'));
    await rm(join(at.path, '.bucketstreams'), { recursive: true });
    const rival = await openDirectoryStore(at);
    const condition = { ifMatch: etag };
    const results = await Promise.allSettled([
      at.store.write('key', Buffer.from('1'), { condition }),
      rival.write('key', Buffer.from('2'), { condition }),
    ]);
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    await rival.close();
  });
});

async function overwriteInPlace(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write('n', 11_999_999);
}
