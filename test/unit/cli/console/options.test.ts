import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CommanderError } from 'commander';

import { acceptBefore, ConsoleCommand } from '../../../../src/cli/console/command.ts';
import { UsageError } from '../../../../src/cli/console/exit.ts';
import { oneOf, port, seconds, text, texts } from '../../../../src/cli/console/options.ts';

const terminal = {
  out: () => undefined,
  err: () => undefined,
  interactive: false,
  columns: 80,
  env: {},
};

function command() {
  return new ConsoleCommand('store', { terminal, exitCode: 0 })
    .argument('<FILES...>')
    .addOption(text('--store <URL>', ''))
    .addOption(texts('--product <PATTERN>', ''))
    .option('-w, --wait')
    .option('--json')
    .action(() => undefined);
}

const parse = (argv: readonly string[]) => command().parse(argv, { from: 'user' });

describe('the options of a command', () => {
  it('are read in every form, with the arguments beside them', () => {
    const argv = ['one', '--store=a', '-w', '--product', 'p', '--product=q', '--', '--json'];
    const parsed = parse(argv);
    assert.deepEqual({ ...parsed.opts() }, { store: 'a', wait: true, product: ['p', 'q'] });
    assert.deepEqual(parsed.args, ['one', '--json']);
  });

  const bad: readonly [argv: string[], message: RegExp][] = [
    [['a', '--stoer', 'x'], /unknown option '--stoer'\s+\(Did you mean --store\?\)/],
    [['a', '--zzzzzzzz'], /unknown option '--zzzzzzzz'$/],
    [['a', '-x'], /unknown option '-x'/],
    [['a', '--store'], /option '--store <URL>' argument missing/],
    [['a', '--store='], /--store needs a value: --store URL/],
    [['a', '--store', '--json'], /the next word is --json; write --store=--json/],
    [['a', '--product=x', '--product', '-w'], /the next word is -w/],
    [['a', '--store', 'x', '--store', 'y'], /--store is given twice/],
    [['a', '--json=yes'], /--json takes no value/],
    [[], /missing required argument 'FILES'/],
  ];
  for (const [argv, message] of bad) {
    it(`reject ${JSON.stringify(argv)}`, () => {
      assert.throws(
        () => parse(argv),
        (error: unknown) =>
          (error instanceof UsageError || error instanceof CommanderError) &&
          message.test(error.message),
      );
    });
  }

  it('may have a value that begins with a dash', () => {
    assert.equal(parse(['a', '--store=--json']).opts().store, '--json');
    assert.equal(parse(['a', '--store', '-']).opts().store, '-');
  });

  it('leave no argument for a command without arguments', () => {
    const run = { terminal, exitCode: 0 as const };
    const bare = () => new ConsoleCommand('store', run).action(() => undefined);
    assert.throws(() => bare().parse(['x'], { from: 'user' }), CommanderError);
    assert.deepEqual(bare().parse([], { from: 'user' }).args, []);
  });

  it('of a sub-command are also accepted before its name', () => {
    const parent = new ConsoleCommand('gateway', { terminal, exitCode: 0 });
    let seen: unknown;
    const child = parent
      .command('token')
      .option('--json')
      .action((_values, own) => void (seen = own.optsWithGlobals()));
    acceptBefore(parent, child);
    for (const argv of [
      ['--json', 'token'],
      ['token', '--json'],
    ]) {
      seen = undefined;
      parent.parse(argv, { from: 'user' });
      assert.deepEqual(seen, { json: true });
    }
    assert.doesNotMatch(parent.helpInformation(), /--json/);
  });
});

describe('values of options', () => {
  it('reads whole numbers within their range', () => {
    assert.equal(port('0', '--port'), 0);
    for (const given of ['65536', '-1', '1.5', '1e3', ' 1', '0x10', '99999999999999999999']) {
      assert.throws(() => port(given, '--port'), UsageError, given);
    }
  });

  it('reads seconds as milliseconds', () => {
    assert.equal(seconds('1.5', '--settle'), 1500);
    assert.equal(seconds('300', '--settle'), 300_000);
    assert.throws(() => seconds('5m', '--settle'), UsageError);
  });

  it('reads one word of a list', () => {
    const read = oneOf(['text', 'json']);
    assert.equal(read('json', '--log-format'), 'json');
    assert.throws(() => read('xml', '--log-format'), UsageError);
  });
});
