import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const DOCUMENTS = await Array.fromAsync(glob('{*.md,docs/**/*.md}', { cwd: ROOT }));

const textOf = (document: string) => readFile(join(ROOT, document), 'utf8');

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the documents', () => {
  it('are found by the glob', () => {
    assert.ok(DOCUMENTS.length > 10);
  });

  for (const document of DOCUMENTS) {
    it(`${document} links to files and headings that exist`, async () => {
      const text = await textOf(document);
      for (const [, link = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
        if (link.startsWith('https://')) continue;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? document : join(dirname(document), path);
        assert.ok(existsSync(join(ROOT, target)), link);
        if (anchor === undefined) continue;
        assert.ok(anchorsOf(await textOf(target)).includes(anchor), link);
      }
    });
  }

  it('name only existing code in the glossary', async () => {
    const text = await textOf('docs/glossary.md');
    const places = [...text.matchAll(/`((?:src|lambda|infra)\/[^`]+)`/g)];
    assert.ok(places.length > 40);
    for (const [, place = ''] of places) assert.ok(existsSync(join(ROOT, place)), place);
  });
});
