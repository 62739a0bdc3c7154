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

/** The files that a new type of root may change: the table, and a command's examples. */
const KINDS_ALLOWED = [
  'src/images/file-kinds.ts',
  'src/images/formats.ts',
  'src/cli/commands/publish.ts',
];

/** The position of a room. A room may import only rooms at its position or below. */
function levelOf(file: string): number {
  const [top = '', room = ''] = file.split('/');
  if (top !== 'src') return ROOMS.length;
  const level = ROOMS.indexOf(room);
  assert.notEqual(level, -1, `${file} is in no room that scripts/rooms.json lists`);
  return level;
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
        .filter((other) => levelOf(other) > levelOf(file))
        .map((other) => `${file} -> ${other}`),
    );
    t.diagnostic(`imports that run upward: ${upward.length}`);
    assert.deepEqual(upward, []);
  });

  it('has no folder with too many files', (t) => {
    const folders = Map.groupBy(tree.keys(), folderOf);
    const [largest] = [...folders].sort(([, a], [, b]) => b.length - a.length);
    t.diagnostic(`largest folder: ${largest?.[0]} with ${largest?.[1].length} files`);
    assert.ok(largest && largest[1].length <= LARGEST_FOLDER);
  });

  it('uses HTTP errors of the gateway in gateway/api only', (t) => {
    const users = [...tree.keys()].filter((file) => /\bGatewayError\b/.test(sourceText(file)));
    t.diagnostic(`files that use GatewayError: ${users.length}`);
    assert.ok(users.length > 0);
    assert.deepEqual(
      users.filter((file) => !file.startsWith('src/gateway/api/')),
      [],
    );
  });

  it('names the kinds of files in their table only', (t) => {
    const kinds = new Set<string>([
      ...[...METADATA_FILES, ...UNIFIED_FILES, ...ROOT_FILES],
      ...ROOT_KINDS.flatMap(({ ftype, hashField }) => [ftype, hashField]),
    ]);
    const mentions = (file: string) => [...kinds].some((kind) => sourceText(file).includes(kind));
    const users = [...tree.keys()]
      .filter(mentions)
      .filter((file) => wordsIn(file).some((word) => kinds.has(word)));
    t.diagnostic(`files that name a kind of file: ${users.join(', ')}`);
    assert.deepEqual(
      users.filter((file) => !KINDS_ALLOWED.includes(file)),
      [],
    );
  });
});
