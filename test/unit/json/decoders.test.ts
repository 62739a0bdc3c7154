import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { decode, decodedOrAbsent, decodeText, parseJson } from '../../../src/json/decode.ts';
import {
  count,
  exactly,
  listOf,
  mark,
  object,
  oneOf,
  optional,
  parsed,
  recordOf,
  text,
} from '../../../src/json/decoders.ts';
import * as go from '../../../src/json/go-decoders.ts';
import { memberOf, textOf, textsOf } from '../../../src/json/is-object.ts';

interface Shelf {
  readonly name: string;
  readonly note?: string;
  readonly locked?: true;
  readonly sizes: readonly number[];
  readonly boxes: Readonly<Record<string, 'full' | 'empty'>>;
}

const shelf = object<Shelf>(
  {
    name: text,
    note: optional(text),
    locked: mark,
    sizes: listOf(count),
    boxes: recordOf(oneOf(['full', 'empty'])),
  },
  { boxes: 'cartons' },
);
const GOOD = { name: 'a', sizes: [1, 2], cartons: { 'b c': 'full' } };

function problem(value: unknown, decoder: Parameters<typeof decode>[0] = shelf): string {
  const decoded = decode(decoder, value);
  return 'problem' in decoded ? decoded.problem : '';
}

describe('strict decoders', () => {
  it('give the fields under their names and leave out absent or unknown ones', () => {
    assert.deepEqual(decode(shelf, { ...GOOD, locked: false, more: 1 }), {
      document: { name: 'a', sizes: [1, 2], boxes: { 'b c': 'full' } },
    });
    assert.deepEqual(shelf({ ...GOOD, locked: true, note: 'x' }).locked, true);
  });

  it('name the first wrong value by its path', () => {
    for (const [value, expected] of [
      [[], 'the document: a list where an object belongs'],
      [{ ...GOOD, name: null }, 'name: null where a string belongs'],
      [{ ...GOOD, name: undefined }, 'name: nothing where a string belongs'],
      [{ ...GOOD, note: null }, 'note: null where a string belongs'],
      [{ ...GOOD, sizes: [1, -1] }, 'sizes[1]: -1 where a whole number from 0 on belongs'],
      [{ ...GOOD, sizes: {} }, 'sizes: an object where a list belongs'],
      [
        { ...GOOD, cartons: { 'b c': 'torn' } },
        'cartons["b c"]: a string where one of full, empty belongs',
      ],
    ] as const) {
      assert.equal(problem(value), expected);
    }
    const nested = object<{ readonly a: Readonly<Record<string, readonly Shelf[]>> }>({
      a: recordOf(listOf(shelf)),
    });
    assert.match(
      problem({ a: { x: [GOOD, { ...GOOD, name: 1 }] } }, nested),
      /^a\["x"\]\[1\]\.name: 1 /,
    );
    const day = parsed((word) => (word === 'today' ? 1 : undefined), 'day');
    assert.equal(problem({ x: 'never' }, recordOf(day)), '["x"] is no day');
    assert.equal(problem(2, exactly(1)), 'the document is not 1');
    assert.equal(
      problem({ y: 1 }, recordOf(count, oneOf(['x']))),
      '["y"]: a string where one of x belongs',
    );
  });

  it('treat __proto__ as an ordinary name', () => {
    const read = recordOf(count)(parseJson('{"__proto__":1}'));
    assert.deepEqual(Object.entries(read), [['__proto__', 1]]);
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
  });

  it('report invalid JSON as a problem, and other errors as errors', () => {
    const decoded = decodeText(count, '{');
    assert.match(
      'problem' in decoded ? decoded.problem : '',
      /^the document is no JSON: SyntaxError/,
    );
    assert.equal(decodedOrAbsent(count, '"x"'), undefined);
    assert.equal(decodedOrAbsent(count, '7'), 7);
    const failing = () => {
      throw new RangeError('x');
    };
    assert.throws(() => decode(listOf(failing), [1]), RangeError);
  });
});

describe("decoders with Go's rules", () => {
  it('give zero values for null and absent fields, and accept names in any case', () => {
    const entry = go.struct<{
      readonly name: string;
      readonly size: number;
      readonly tags: readonly string[];
      readonly label?: string;
    }>({ name: go.text, size: go.integer, tags: go.listOf(go.text), label: go.optional(go.text) });
    for (const value of [undefined, null, {}, { name: null, tags: null, label: null }]) {
      assert.deepEqual(entry(value), { name: '', size: 0, tags: [] });
    }
    assert.deepEqual(entry({ NAME: 'x', Size: -1 }), { name: 'x', size: -1, tags: [] });
    assert.equal(problem({ Size: '1' }, entry), 'Size: a string where an integer belongs');
    assert.equal(problem([], entry), 'the document: a list where an object belongs');
  });
});

describe('members of a value that may be anything', () => {
  it('are only its own, and absent where it is no object', () => {
    const value = parseJson('{"a":"b","c":1,"__proto__":"d"}');
    assert.equal(textOf(value, 'a'), 'b');
    assert.equal(textOf(value, '__proto__'), 'd');
    assert.equal(textOf(value, 'c'), undefined);
    assert.equal(memberOf(value, 'toString'), undefined);
    for (const other of [null, undefined, 'x', [1]])
      assert.equal(memberOf(other, 'length'), undefined);
    assert.deepEqual(Object.keys(textsOf(value)), ['a', '__proto__']);
    assert.deepEqual(textsOf([]), {});
  });
});
