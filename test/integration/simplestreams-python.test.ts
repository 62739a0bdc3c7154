import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listedImages } from '../support/images/listed-images.ts';
import { run } from '../support/command.ts';
import { goldenCatalog, goldenFiles } from '../support/images/golden-images.ts';
import { GOLDEN } from '../support/images/golden-streams.ts';
import { installPythonPackages } from '../support/install/python-packages.ts';
import { pythonProgram } from '../support/tools.ts';

const SCRIPT = join(import.meta.dirname, 'mirror-simplestreams.py');

describe("Canonical's simplestreams package", () => {
  let folder: string;

  before(async () => {
    assert.deepEqual(await installPythonPackages(), []);
    folder = await mkdtemp(join(tmpdir(), 'simplestreams-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /**
   * Mirrors a golden tree, optionally with one changed file. Returns the items that the package
   * read.
   */
  async function mirror(
    name: string,
    target: string,
    changed?: string,
  ): Promise<Record<string, unknown>[]> {
    const source = join(folder, `source-of-${target}`);
    await cp(join(GOLDEN, name), source, { recursive: true });
    for (const [key, body] of goldenFiles) {
      await mkdir(dirname(join(source, key)), { recursive: true });
      await writeFile(join(source, key), key === changed ? body.toString().toUpperCase() : body);
    }
    const output = await run(pythonProgram('python'), [SCRIPT, source, join(folder, target)]);
    return JSON.parse(output) as Record<string, unknown>[];
  }

  it('mirrors the golden files, with every size and digest right', async () => {
    const items = await mirror('full', 'copy');

    const files = new Set<string>();
    for (const image of listedImages(goldenCatalog)) {
      const prefix = `images/${image.product.replaceAll(':', '/')}/${image.version}/`;
      for (const file of [image.file, image.metadataFile ?? image.file]) files.add(prefix + file);
      const first = prefix + (image.metadataFile ?? image.file);
      const ftypes = [`${image.client}.tar.xz`, `${image.client}_combined.tar.gz`];
      const metadata = items.find(
        (item) =>
          item['product_name'] === image.product &&
          item['version_name'] === image.version &&
          ftypes.includes(String(item['ftype'])),
      );
      assert.ok(metadata, `${image.product} ${image.version} for ${image.client}`);
      assert.equal(metadata['path'], first);
      assert.equal(metadata['content_id'], 'images');
      assert.equal(metadata['datatype'], 'image-downloads');
      assert.ok(Object.values(metadata).includes(image.fingerprint));
    }
    for (const path of files) {
      assert.deepEqual(await readFile(join(folder, 'copy', path)), goldenFiles.get(path));
    }
    assert.deepEqual(new Set(items.map((item) => item['path'])), files);
  });

  it('reads aliases and values of a product as they were given', async () => {
    const items = await mirror('full', 'again');
    const item = items.find((one) => one['product_name'] === 'debian:bookworm:amd64:default');
    assert.ok(item);
    assert.equal(
      item['aliases'],
      'debian/bookworm,debian/bookworm/default,debian/bookworm/amd64/default,debian/stable,ñandú',
    );
    assert.equal(item['support_eol'], '2028-06-30');
    assert.equal(item['release_title'], 'Debian 12 “Bookworm”');
    assert.equal(item['arch'], 'amd64');
  });

  it('mirrors an empty store', async () => {
    assert.deepEqual(await mirror('empty', 'nothing'), []);
  });

  it('rejects a file of the same size with other bytes, so the other tests do check digests', async () => {
    const [key] = goldenFiles.keys();
    await assert.rejects(mirror('full', 'changed', key), /checksum/i);
  });
});
