import { parseSha256, type Sha256 } from '../images/digests.ts';

const MAX_LENGTH = 1_048_576;

/** `digest name`, with a space, or with a space or `*` as the mark of text or binary mode before the name. */
const PLAIN = /^[ \t]*(\\?)([0-9A-Fa-f]{64})[ \t](?:[ *])?(.+)$/s;
/** What `sha256sum --tag` and the BSDs write. */
const TAGGED = /^[ \t]*(\\?)SHA256 \((.+)\) = ([0-9A-Fa-f]{64})$/s;
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\r': '\r' };

/**
 * Reads a SHA256SUMS as `sha256sum --check` does (coreutils, src/digest.c), but strictly: a line that
 * program would warn of is a problem here, since a file that is not checked looks like one that is right.
 * Blank lines and lines that start with `#` mean nothing. Names are of files beside SHA256SUMS.
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

/** A leading backslash says that the name's backslashes and line ends are escaped. */
function unescaped(name: string): string | undefined {
  const plain = name.replaceAll(/\\[\\nr]/g, (escape) => ESCAPES[escape] ?? escape);
  return /\\(?![\\nr])/.test(name.replaceAll('\\\\', '')) ? undefined : plain;
}
