import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { errorText } from '../log/error-text.ts';
import { CertificateError, checkPair, serves, wantedHosts } from './certificate-check.ts';
import {
  authorityPath,
  writeAuthority,
  writeServer,
  readAuthority,
  readServer,
} from './certificate-files.ts';
import type { IssuedPair } from './issue.ts';

/** The key and certificate of a TLS server, in PEM. */
export interface ServerCertificate {
  readonly key: string;
  /** The server's certificate first, then the rest of its chain, if any. */
  readonly cert: string;
  /** The SHA-256 of the server's certificate (DER), in lowercase hexadecimal. LXD and Incus call it the fingerprint. */
  readonly sha256: string;
}

export interface LocalCertificate extends ServerCertificate {
  readonly caPath: string;
  readonly ca: string;
  /** True if the authority was made by this call. No client trusts it yet. */
  readonly created: boolean;
}

/**
 * Returns the certificate authority in `<stateDir>/tls/`, and a server certificate that it signed for `hosts`,
 * localhost and this machine's name. Makes what is missing. An existing server certificate is kept while it
 * covers all names and is valid for another 30 days, because clients may have pinned it. Safe to call in several
 * processes at once.
 */
export async function ensureCertificate(options: {
  readonly stateDir: string;
  readonly hosts: readonly string[];
  /** Milliseconds since 1970. */
  readonly now?: number;
}): Promise<LocalCertificate> {
  const { stateDir, now = Date.now() } = options;
  const folder = path.join(stateDir, 'tls');
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const { authority, created } = await ensureAuthority(folder, now);
    const caPath = authorityPath(folder);
    checkPair(authority, caPath, now, `move ${folder} away to have a new one made`);
    const wanted = wantedHosts(options.hosts);
    const kept = await readServer(folder);
    const pair =
      kept && serves(kept, authority, wanted, now)
        ? kept
        : await (await issuing()).issueServer(authority, wanted, now);
    if (pair !== kept) await writeServer(folder, pair);
    return { ...pair, sha256: fingerprint(pair.cert), caPath, ca: authority.cert, created };
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    throw new CertificateError(
      `the certificate authority in ${folder} cannot be used: ${errorText(error)}. Give its folder to this user, or choose another with --state`,
      { cause: error },
    );
  }
}

/** Loads the user's own certificate from PEM files. The certificate's file includes its chain. */
export async function loadCertificate(options: {
  readonly certFile: string;
  readonly keyFile: string;
  readonly now?: number;
}): Promise<ServerCertificate> {
  const { certFile, keyFile, now = Date.now() } = options;
  const read = (file: string) =>
    readFile(file, 'utf8').catch((error: unknown) => {
      throw new CertificateError(`${file} cannot be read: ${errorText(error)}`, { cause: error });
    });
  const pair = { cert: await read(certFile), key: await read(keyFile) };
  checkPair(pair, certFile, now, `give a valid one that belongs to ${keyFile}`);
  return { ...pair, sha256: fingerprint(pair.cert) };
}

/** Returns instructions for making clients trust the authority at `caPath`, with the fingerprint to compare. */
export function trustInstructions(caPath: string): string {
  const certificate = new X509Certificate(readFileSync(caPath));
  return [
    `The clients have to trust this server's certificate authority (${caPath}).`,
    'On each machine with clients (Debian, Ubuntu), with that file copied there, then with the daemon restarted:',
    `  sudo cp ${quoted(caPath)} /usr/local/share/ca-certificates/bucketstreams.crt`,
    '  sudo update-ca-certificates',
    'For a quick try, set SSL_CERT_FILE to its path instead, for the client and for its daemon: both connect.',
    `Its SHA-256 fingerprint is ${certificate.fingerprint256}`,
  ].join('\n');
}

async function ensureAuthority(
  folder: string,
  now: number,
): Promise<{ authority: IssuedPair; created: boolean }> {
  const existing = await readAuthority(folder);
  if (existing) return { authority: existing, created: false };
  const { issueAuthority } = await issuing();
  const made = await issueAuthority(`bucketstreams on ${hostname()}`.slice(0, 64), now);
  if (await writeAuthority(folder, made)) return { authority: made, created: true };
  // Another process was faster.
  const theirs = await readAuthority(folder);
  if (theirs) return { authority: theirs, created: false };
  throw new CertificateError(
    `${folder} has no ca.crt but is not empty: restore it, or move it away`,
  );
}

/** Loaded only when a certificate must be made, which is rare. Its library needs some 10 MB of memory. */
function issuing(): Promise<typeof import('./issue.ts')> {
  return import('./issue.ts');
}

function fingerprint(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}

function quoted(file: string): string {
  return /^[\w./@%+:-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}
