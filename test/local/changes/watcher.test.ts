import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import type { TreeWatcher } from '../../../src/local/changes/tree-watcher.ts';
import { watchDirectory } from '../../../src/local/changes/image-watcher.ts';
import { eventually } from '../../support/eventually.ts';

const PRODUCT = 'images/busybox/1/amd64/default';
const LIKE = `${PRODUCT}-2/20240101`;

describe('watcher', () => {
  let directory: string;
  let watcher: TreeWatcher;
  let dirty: Set<string>;
  let refused: unknown[];

  const seen = (prefix: string) => eventually(() => dirty.has(prefix));
  const write = async (key: string) => {
    const path = join(directory, key);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'x');
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'watcher-'));
    dirty = new Set();
    refused = [];
    await write(`${PRODUCT}/20240101/lxd.tar.xz`);
    await write(`${LIKE}/lxd.tar.xz`);
    watcher = await watchDirectory(
      directory,
      (prefixes) => prefixes.forEach((prefix) => dirty.add(prefix)),
      (level, event, fields) => {
        assert.equal(event, 'not indexed', level);
        refused.push(fields?.['key']);
      },
    );
  });
  afterEach(async () => {
    await watcher.close();
    await rm(directory, { recursive: true });
  });

  it('reports new files in new folders, and nothing that existed before', async () => {
    await write('images/other/1/amd64/default/20250101/lxd.tar.xz');
    await seen('images/other/1/amd64/default/20250101/');
    assert.ok(!dirty.has(`${PRODUCT}/20240101/`));
  });

  it('reports overwritten and deleted files', async () => {
    await write(`${PRODUCT}/20240101/lxd.tar.xz`);
    await seen(`${PRODUCT}/20240101/`);
    dirty.clear();
    await rm(join(directory, PRODUCT, '20240101/lxd.tar.xz'));
    await seen(`${PRODUCT}/20240101/`);
  });

  it('reports files outside versions as ignored, but no folder that appears, changes or disappears', async () => {
    await write('images/other/1/amd64/default/20250101/lxd.tar.xz');
    await seen('images/other/1/amd64/default/20250101/');
    await utimes(join(directory, PRODUCT, '20240101'), 1, 1);
    await rm(join(directory, 'images/other'), { recursive: true });
    await rm(join(directory, PRODUCT, '20240101'), { recursive: true });
    await seen(`${PRODUCT}/20240101/`);
    await write('images/other/1/stray');
    await write(`${PRODUCT}/stray`);
    await eventually(() => refused.length >= 2);
    assert.deepEqual(refused, ['images/other/1/stray', `${PRODUCT}/stray`]);
  });

  it('reports both ends of a moved version', async () => {
    await rename(join(directory, PRODUCT, '20240101'), join(directory, PRODUCT, '20240102'));
    await seen(`${PRODUCT}/20240101/`);
    await seen(`${PRODUCT}/20240102/`);
  });

  it('reports the product of a product file', async () => {
    await write(`${PRODUCT}/product.toml`);
    await seen(`${PRODUCT}/`);
  });

  it('reports a store whose images folder was created again', async () => {
    await rm(join(directory, 'images'), { recursive: true });
    await seen(`${PRODUCT}/20240101/`);
    await write(`${PRODUCT}/20250101/lxd.tar.xz`);
    await seen(`${PRODUCT}/20250101/`);
  });

  it('reports each version of a product that is deleted at once, and still a product with a similar name', async () => {
    const days = Array.from({ length: 40 }, (_, at) => `20250101_${at}`);
    for (const day of days) await write(`${PRODUCT}/${day}/lxd.tar.xz`);
    for (const day of days) await seen(`${PRODUCT}/${day}/`);
    dirty.clear();
    await rm(join(directory, PRODUCT), { recursive: true });
    for (const day of days) await seen(`${PRODUCT}/${day}/`);
    assert.ok(!dirty.has(`${LIKE}/`));
    await write(`${LIKE}/rootfs.squashfs`);
    await seen(`${LIKE}/`);
  });

  it('watches two folders that were renamed, with everything below them', async () => {
    const [old, other] = ['images/old', 'images/other'];
    const path = '1/amd64/default/20240101';
    await write(`${other}/${path}/lxd.tar.xz`);
    await seen(`${other}/${path}/`);
    await rename(join(directory, 'images/busybox'), join(directory, old));
    await rename(join(directory, other), join(directory, 'images/busybox'));
    await seen(`${old}/${path}/`);
    await seen(`${PRODUCT}/20240101/`);
    for (const version of [`${old}/${path}`, `${PRODUCT}/20240101`]) {
      await write(`${version}/end`);
      await seen(`${version}/`);
      dirty.clear();
      await write(`${version}/rootfs.squashfs`);
      await seen(`${version}/`);
    }
  });

  it('misses nothing in a tree that is filled at full speed', async () => {
    const versions: string[] = [];
    for (let number = 100; number < 300; number++) {
      versions.push(`images/os${number % 7}/r/amd64/v${number % 5}/20250101_${number}`);
    }
    for (const version of versions) {
      mkdirSync(join(directory, version), { recursive: true });
      writeFileSync(join(directory, version, 'lxd.tar.xz'), 'x');
    }
    for (const version of versions) await seen(`${version}/`);
    dirty.clear();
    for (const version of versions) writeFileSync(join(directory, version, 'lxd.tar.xz'), 'y');
    for (const version of versions) await seen(`${version}/`);
  });

  it('ignores names with a dot, other folders, and the targets of symlinks', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'watcher-outside-'));
    await symlink(outside, join(directory, PRODUCT, '20250101'));
    await writeFile(join(outside, 'lxd.tar.xz'), 'x');
    await write(`${PRODUCT}/20250102/.lxd.tar.xz.part`);
    await write('.bucketstreams/images/busybox/1/amd64/default/20250103/x');
    await write('streams/v1/index.json');
    await write(`${PRODUCT}/20250104/end`);
    await seen(`${PRODUCT}/20250104/`);
    dirty.delete(`${PRODUCT}/20250104/`);
    // The link and the folder themselves are reported, but nothing below them.
    assert.deepEqual(
      [...dirty].filter((prefix) => !/2025010[12]/.test(prefix)),
      [],
    );
    await rm(outside, { recursive: true });
  });
});
