/** Returns the line of a key in a TOML document, counted from 1. */
export type LineOf = (path: readonly string[]) => number;

const KEY = `(?:[A-Za-z0-9_-]+|"(?:[^"\\\\]|\\\\.)*"|'[^']*')`;
const KEYS = `${KEY}(?:[ \\t]*\\.[ \\t]*${KEY})*`;
const HEADER = new RegExp(`^[ \\t]*\\[{1,2}[ \\t]*(${KEYS})[ \\t]*\\]`);
const PAIR = new RegExp(`^[ \\t]*(${KEYS})[ \\t]*=`);

/**
 * Finds the lines of the keys of a well-formed TOML document, because the parser gives positions only for syntax
 * errors. A key inside an inline table or an array gets the line where that value begins.
 */
export function sourceLines(toml: string): LineOf {
  const lines = new Map<string, number>();
  const note = (path: readonly string[], line: number) => {
    for (let length = 1; length <= path.length; length++) {
      const name = JSON.stringify(path.slice(0, length));
      if (!lines.has(name)) lines.set(name, line);
    }
  };
  let table: string[] = [];
  let open = NOTHING_OPEN;
  for (const [index, text] of toml.split('\n').entries()) {
    if (open !== NOTHING_OPEN) {
      open = scan(text, open);
      continue;
    }
    const header = HEADER.exec(text)?.[1];
    const pair = PAIR.exec(text);
    if (header !== undefined) {
      table = namesOf(header);
      note(table, index + 1);
    } else if (pair?.[1] !== undefined) {
      note([...table, ...namesOf(pair[1])], index + 1);
      open = scan(text.slice(pair[0].length), open);
    }
  }
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  };
}

/** The open brackets, or the open multi-line string, of a value that continues on the next line. */
interface Open {
  readonly depth: number;
  readonly quote: string;
}

const NOTHING_OPEN: Open = { depth: 0, quote: '' };

/** Longest first: a multi-line string opens with three quotes. */
const TOKEN = /"""|'''|"(?:[^"\\]|\\.)*"|'[^']*'|[[\]{}#]/;

function scan(text: string, { depth, quote }: Open): Open {
  let rest = text;
  for (;;) {
    if (quote !== '') {
      const end = (quote === '"""' ? rest.replace(/\\./g, '..') : rest).indexOf(quote);
      if (end < 0) return { depth, quote };
      rest = rest.slice(end + quote.length);
      quote = '';
    }
    const match = TOKEN.exec(rest);
    if (match === null || match[0] === '#') break;
    const [token] = match;
    rest = rest.slice(match.index + token.length);
    if (token === '"""' || token === "'''") quote = token;
    else if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
  }
  return depth === 0 ? NOTHING_OPEN : { depth, quote };
}

function namesOf(dotted: string): string[] {
  return (dotted.match(new RegExp(KEY, 'g')) ?? []).map((name) => {
    if (name.startsWith("'")) return name.slice(1, -1);
    return name.startsWith('"') ? unescaped(name) : name;
  });
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    // TOML has some escapes that JSON does not have. Such a key gets the line of its table.
    return quoted.slice(1, -1);
  }
}
