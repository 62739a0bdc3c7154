import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../../src/cli/command-list.ts';
import { CHECKOUT, README_LINES, shellLines } from '../../support/readme.ts';

describe('README.md', () => {
  it('has only commands that a test runs, and the tests run no others', async () => {
    const claimed = Object.values(README_LINES).flat();
    assert.deepEqual((await shellLines('README.md')).toSorted(), claimed.toSorted());
  });

  it('mentions every command of the program', async () => {
    const text = await readFile(join(CHECKOUT, 'README.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `([a-z ]+)` +\|/gm)].map(([, name]) => name);
    assert.deepEqual(rows.toSorted(), COMMANDS.map(({ name }) => name).toSorted());
  });

  it('has only links to existing targets', async () => {
    const text = await readFile(join(CHECKOUT, 'README.md'), 'utf8');
    const targets = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    assert.ok(targets.length > 0);
    for (const target of targets) assert.ok(existsSync(join(CHECKOUT, target)), target);
  });
});
