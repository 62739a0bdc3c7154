import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GOLDEN, goldenStreams } from '../../support/images/golden-streams.ts';

describe('the golden files', () => {
  for (const [path, body] of goldenStreams()) {
    it(`match ${path} to the byte`, () => {
      assert.equal(new TextDecoder().decode(body), readFileSync(join(GOLDEN, path), 'utf8'));
    });
  }
});
