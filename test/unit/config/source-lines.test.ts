import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parse } from 'smol-toml';
import { sourceLines } from '../../../src/config/source-lines.ts';

const TOML = `# [not.a.table]
top = 1

[a] # comment with = and "quotes
x = """
y = not a key
[not.a.header] \\""" still
"quotes" """
y = [ # a list
  "z = 1", '[n]',
  { inner = 5 },
]
"quoted key".sub = 'it''
  [ a . "b.c" ]
  d.e = { f = 1 } # g = 2
empty = ''
s = '''
t = 1'''
u = 2
[[list]]
v = 1
`.replace("'it''", `'it'`);

it('finds the line of every key, and ignores text that only looks like one', () => {
  parse(TOML);
  const lineOf = sourceLines(TOML);
  const lines = TOML.split('\n');
  const at = (text: string) => lines.findIndex((line) => line.includes(text)) + 1;
  const cases: [path: string[], line: number][] = [
    [['top'], at('top = 1')],
    [['a'], at('[a] #')],
    [['a', 'x'], at('x = """')],
    [['a', 'y'], at('y = [')],
    [['a', 'y', '2', 'inner'], at('y = [')],
    [['a', 'quoted key'], at('"quoted key"')],
    [['a', 'quoted key', 'sub'], at('"quoted key"')],
    [['a', 'b.c'], at('[ a . ')],
    [['a', 'b.c', 'd', 'e', 'f'], at('d.e')],
    [['a', 'b.c', 'empty'], at('empty')],
    [['a', 'b.c', 's'], at("s = '''")],
    [['a', 'b.c', 'u'], at('u = 2')],
    [['list', 'v'], at('v = 1')],
    [['a', 'b.c', 't'], at('[ a . ')],
    [['a', 'missing'], at('[a] #')],
    [['missing'], 1],
    [['not', 'a'], 1],
  ];
  for (const [path, line] of cases) assert.equal(lineOf(path), line, JSON.stringify(path));
});

it('reads files with Windows line ends', () => {
  assert.equal(sourceLines('[a]\r\nb = 1\r\n')(['a', 'b']), 2);
});
