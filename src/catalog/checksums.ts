import { parseSha256, type Sha256 } from '../images/digests.ts';

const MAX_LENGTH = 1_048_576;

/**
 * The line `digest name`. Between them is a space or tab, then optionally the mode: a space for text, `*` for
 * binary.
 */
const PLAIN = /^[ \t]*(\\?)([0-9A-Fa-f]{64})[ \t](?:[ *])?(.+)$/s;
/** The format of `sha256sum --tag` and of the BSDs. */
const TAGGED = /^[ \t]*(\\?)SHA256 \((.+)\) = ([0-9A-Fa-f]{64})$/s;
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

/**
 * Parses a SHA256SUMS like `sha256sum --check` (coreutils, src/digest.c), but strictly. A line that gets a
 * warning there is a problem here: otherwise a file that is not checked looks like a file that is correct.
 * Blank lines and lines that start with `#` are ignored. Names must be names of files in the folder of
 * SHA256SUMS.
 */
export function parseChecksums(
  text: string,
): { readonly sums: Readonly<Record<string, Sha256>> } | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `it is longer than ${MAX_LENGTH} characters` };
  const sums = new Map<string, Sha256>();
  for (const [i, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const problem = (what: string) => ({ problem: `line ${i + 1}: ${what}` });

    const entry = parseLine(line);
    if (!entry) return problem('it is not "<64 hexadecimal characters>  <file name>"');
    const name = entry.name.replace(/^(\.\/+)+/, '');
    if (name === '' || name.includes('/')) {
      return problem(`${JSON.stringify(entry.name)} is not a file in the folder of SHA256SUMS`);
    }
    const known = sums.get(name);
    if (known !== undefined && known !== entry.sha256) {
      return problem(`${JSON.stringify(name)} is there twice, with two digests`);
    }
    sums.set(name, entry.sha256);
  }
  return { sums: Object.fromEntries(sums) };
}

function parseLine(line: string): { name: string; sha256: Sha256 } | undefined {
  const tagged = TAGGED.exec(line);
  const [, escape, digest, written] = tagged
    ? [tagged[0], tagged[1], tagged[3], tagged[2]]
    : (PLAIN.exec(line) ?? []);
  const sha256 = parseSha256(digest?.toLowerCase() ?? '');
  const name = escape === '\\' ? unescaped(written ?? '') : written;
  return sha256 === undefined || name === undefined ? undefined : { name, sha256 };
}

/**
 * Decodes the name of a line that starts with a backslash: its backslashes and line ends are escaped. Returns
 * undefined for an unknown escape.
 */
function unescaped(name: string): string | undefined {
  const plain = name.replaceAll(/\\[\\nr]/g, (escape) => ESCAPES[escape] ?? escape);
  return /\\(?![\\nr])/.test(name.replaceAll('\\\\', '')) ? undefined : plain;
}
