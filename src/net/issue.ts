// The certificate library requires this import before its own.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** A private key (PKCS #8) and its certificate, both PEM. */
export interface IssuedPair {
  readonly key: string;
  readonly cert: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 86_400_000;
const CA_DAYS = 3652;
/** macOS rejects server certificates that are valid for longer, even those of a private authority. */
const SERVER_DAYS = 825;

/** Makes a certificate authority that can sign server certificates and nothing else. */
export async function issueAuthority(name: string, now: number): Promise<IssuedPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now, CA_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: certificate.toString('pem') + '\n' };
}

/** Makes a server certificate for `hosts` (names and addresses, at least one), signed by `authority`. */
export async function issueServer(
  authority: IssuedPair,
  hosts: readonly string[],
  now: number,
): Promise<IssuedPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const issuer = new x509.X509Certificate(authority.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [hosts[0] ?? 'localhost'] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: ALGORITHM,
    ...validity(now, SERVER_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await exportKey(keys.privateKey), cert: certificate.toString('pem') + '\n' };
}

function validity(now: number, days: number): { notBefore: Date; notAfter: Date } {
  // A client's clock may be slow.
  return { notBefore: new Date(now - DAY), notAfter: new Date(now + (days - 1) * DAY) };
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return (
    x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n'
  );
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign']);
}
