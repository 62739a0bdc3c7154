import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  oneOf,
  parseArguments,
  secondsToMs,
  wholeNumber,
  type OptionSpecs,
} from '../../../../src/cli/console/arguments.ts';
import { UsageError } from '../../../../src/cli/console/exit.ts';
import { nearest } from '../../../../src/cli/console/nearest.ts';

const SPECS = {
  store: { type: 'string', value: 'URL', help: '' },
  json: { type: 'boolean', help: '' },
  wait: { type: 'boolean', short: 'w', help: '' },
  product: { type: 'string', multiple: true, help: '' },
} as const satisfies OptionSpecs;
const FILES = { name: 'FILES…', min: 1, max: 2 };

describe('parseArguments', () => {
  it('reads options in every form and the words beside them', () => {
    const { values, operands } = parseArguments(
      ['one', '--store=a', '-w', '--product', 'p', '--product=q', '--', '--json'],
      SPECS,
      FILES,
    );
    assert.deepEqual({ ...values }, { store: 'a', wait: true, product: ['p', 'q'] });
    assert.deepEqual(operands, ['one', '--json']);
  });

  const bad: readonly [argv: string[], message: RegExp][] = [
    [['a', '--stoer', 'x'], /unknown option --stoer; did you mean --store\?/],
    [['a', '--zzzzzzzz'], /^unknown option --zzzzzzzz$/],
    [['a', '-x'], /unknown option -x/],
    [['a', '--store'], /--store needs a value: --store URL/],
    [['a', '--store='], /--store needs a value/],
    [['a', '--store', '--json'], /the next word is --json; write --store=--json/],
    [['a', '--store', 'x', '--store', 'y'], /--store is given twice/],
    [['a', '--json=yes'], /--json takes no value/],
    [[], /FILES… is missing/],
    [['a', 'b', 'c'], /unexpected word "c"/],
  ];
  for (const [argv, message] of bad) {
    it(`refuses ${JSON.stringify(argv)}`, () => {
      assert.throws(
        () => parseArguments(argv, SPECS, FILES),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
      );
    });
  }

  it('takes no words where a command has none', () => {
    assert.throws(() => parseArguments(['x'], SPECS, undefined), UsageError);
    assert.deepEqual(parseArguments([], SPECS, undefined).operands, []);
  });
});

describe('values of options', () => {
  it('reads whole numbers within their range', () => {
    assert.equal(wholeNumber('--port', '0', { max: 65_535 }), 0);
    assert.equal(wholeNumber('--port', undefined), undefined);
    for (const text of ['65536', '-1', '1.5', '1e3', ' 1', '0x10', '99999999999999999999']) {
      assert.throws(() => wholeNumber('--port', text, { max: 65_535 }), UsageError, text);
    }
  });

  it('reads seconds as milliseconds', () => {
    assert.equal(secondsToMs('--settle', '1.5'), 1500);
    assert.equal(secondsToMs('--settle', '300'), 300_000);
    assert.throws(() => secondsToMs('--settle', '5m'), UsageError);
  });

  it('reads one of a few words', () => {
    assert.equal(oneOf('--log-format', 'json', ['text', 'json']), 'json');
    assert.throws(() => oneOf('--log-format', 'xml', ['text', 'json']), UsageError);
  });
});

describe('nearest', () => {
  it('finds what was mistyped and nothing that is merely short', () => {
    assert.equal(nearest('sevre', ['serve', 'status']), 'serve');
    assert.equal(nearest('lst', ['list', 'serve']), 'list');
    assert.equal(nearest('frobnicate', ['list', 'serve', 'init']), undefined);
  });
});
