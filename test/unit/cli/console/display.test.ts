import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { errorLines, exitCodeOf, oneLine, UsageError } from '../../../../src/cli/console/exit.ts';
import { createProgress, formatBytes, progressText } from '../../../../src/cli/console/progress.ts';
import { renderTable } from '../../../../src/cli/console/table.ts';
import { StoreError } from '../../../../src/storage/errors.ts';

function screen(interactive: boolean) {
  const written: string[] = [];
  const terminal = {
    out: () => undefined,
    err: (text: string) => void written.push(text),
    interactive,
    columns: 40,
    env: {},
  };
  return { terminal, written };
}

describe('progress', () => {
  it('shows amount, share, rate and remaining time', () => {
    assert.equal(progressText(12e6, 48e6, 2), '12.0 MB of 48.0 MB (25 %), 6.0 MB/s, 6 s left');
    assert.equal(progressText(3, undefined, 0.2, 'count'), '3');
    assert.equal(progressText(0, 0, 10), '0 B');
    assert.equal(
      progressText(1e6, 721e6, 1),
      '1.0 MB of 721.0 MB (0 %), 1.0 MB/s, 12 min 0 s left',
    );
  });

  it('formats bytes in decimal units', () => {
    assert.deepEqual([999, 1000, 999_960, 5e12].map(formatBytes), [
      '999 B',
      '1.0 kB',
      '1.0 MB',
      '5.0 TB',
    ]);
  });

  it('draws on a screen, cut to its width, and deletes the line', () => {
    const { terminal, written } = screen(true);
    const progress = createProgress(terminal, 'a'.repeat(60));
    progress.update(1, 2);
    progress.clear();
    progress.clear();
    assert.equal(written.length, 2);
    assert.equal(written[0]?.length, '\r\u001b[K'.length + 39);
    assert.equal(written[1], '\r\u001b[K');
  });

  it('writes nothing into a pipe', () => {
    const { terminal, written } = screen(false);
    const progress = createProgress(terminal, 'x');
    progress.update(1, 1);
    progress.clear();
    assert.deepEqual(written, []);
  });
});

describe('renderTable', () => {
  it('aligns columns and removes control characters', () => {
    assert.equal(
      renderTable(['A', 'B'], [['xyz', 'a\u001b[31m\nb']]),
      'A    B\nxyz  a\ufffd[31m b\n',
    );
  });
});

describe('errors', () => {
  it('map to the documented exit codes', () => {
    const of = (code: 'access_denied' | 'unavailable' | 'no_space') =>
      exitCodeOf(new StoreError(code, 'read', 'x'));
    assert.deepEqual([of('access_denied'), of('unavailable'), of('no_space')], [3, 3, 1]);
    assert.equal(exitCodeOf(new UsageError('x')), 2);
    assert.equal(exitCodeOf(new TypeError('x')), 1);
  });

  it('are one line, and show their causes only on request', () => {
    const error = new Error('first\n  second', { cause: new TypeError('why') });
    assert.deepEqual(errorLines(error, false), ['first second']);
    assert.deepEqual(errorLines(error, true), ['first second', 'caused by TypeError: why']);
    assert.equal(oneLine('a\u0007b'), 'a\ufffdb');
  });
});
