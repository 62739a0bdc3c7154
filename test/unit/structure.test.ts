import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';

import ROOMS from '../../scripts/rooms.json' with { type: 'json' };
import {
  METADATA_FILES,
  ROOT_FILES,
  ROOT_KINDS,
  UNIFIED_FILES,
} from '../../src/images/file-kinds.ts';
import {
  circles,
  folderOf,
  readSourceTree,
  sourceText,
  wordsIn,
  type SourceTree,
} from '../support/source-tree.ts';

const LARGEST_FOLDER = 25;

/** The files that a new type of root may touch: the table, and a command's examples. */
const KNOW_KINDS = [
  'src/images/file-kinds.ts',
  'src/images/formats.ts',
  'src/cli/commands/publish.ts',
];

/** The floor of a room: what is lower knows less. */
function floorOf(file: string): number {
  const [top = '', room = ''] = file.split('/');
  if (top !== 'src') return ROOMS.length;
  const floor = ROOMS.indexOf(room);
  assert.notEqual(floor, -1, `${file} is in no room that scripts/rooms.json lists`);
  return floor;
}

describe('the source tree', () => {
  let tree: SourceTree;
  before(async () => {
    tree = await readSourceTree();
    assert.ok(tree.size > 250);
  });

  it('has no circle of files', (t) => {
    const found = circles(tree);
    t.diagnostic(`circles of files: ${found.length}`);
    assert.deepEqual(found, []);
  });

  it('finds a circle where there is one', () => {
    const ring = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
      ['d', ['a']],
    ]);
    assert.deepEqual(circles(ring), [['a', 'b', 'c']]);
  });

  it('imports nothing upward', (t) => {
    const upward = [...tree].flatMap(([file, imports]) =>
      imports
        .filter((other) => floorOf(other) > floorOf(file))
        .map((other) => `${file} -> ${other}`),
    );
    t.diagnostic(`imports that run upward: ${upward.length}`);
    assert.deepEqual(upward, []);
  });

  it('has no crowded folder', (t) => {
    const folders = Map.groupBy(tree.keys(), folderOf);
    const [largest] = [...folders].sort(([, a], [, b]) => b.length - a.length);
    t.diagnostic(`largest folder: ${largest?.[0]} with ${largest?.[1].length} files`);
    assert.ok(largest && largest[1].length <= LARGEST_FOLDER);
  });

  it('knows HTTP errors of the gateway in gateway/api alone', (t) => {
    const knows = [...tree.keys()].filter((file) => /\bGatewayError\b/.test(sourceText(file)));
    t.diagnostic(`files that know GatewayError: ${knows.length}`);
    assert.ok(knows.length > 0);
    assert.deepEqual(
      knows.filter((file) => !file.startsWith('src/gateway/api/')),
      [],
    );
  });

  it('knows the kinds of files in their table alone', (t) => {
    const kinds = new Set<string>([
      ...[...METADATA_FILES, ...UNIFIED_FILES, ...ROOT_FILES],
      ...ROOT_KINDS.flatMap(({ ftype, hashField }) => [ftype, hashField]),
    ]);
    const mentions = (file: string) => [...kinds].some((kind) => sourceText(file).includes(kind));
    const knows = [...tree.keys()]
      .filter(mentions)
      .filter((file) => wordsIn(file).some((word) => kinds.has(word)));
    t.diagnostic(`files that know a kind of file: ${knows.join(', ')}`);
    assert.deepEqual(
      knows.filter((file) => !KNOW_KINDS.includes(file)),
      [],
    );
  });
});
