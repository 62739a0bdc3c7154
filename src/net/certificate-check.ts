import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { IssuedPair } from './issue.ts';
import { errorText } from '../log/error-text.ts';

/** A certificate that cannot be made or used. `message` says which file and what to do. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

const RENEW_BEFORE = 30 * 86_400_000;

/** Returns whether `pair` can still serve `hosts`: `authority` signed it, and it is valid for another 30 days. */
export function serves(
  pair: IssuedPair,
  authority: IssuedPair,
  hosts: readonly string[],
  now: number,
): boolean {
  if (pairProblem(pair, now) !== undefined) return false;
  const certificate = new X509Certificate(pair.cert);
  return (
    certificate.validToDate.getTime() - now > RENEW_BEFORE &&
    certificate.validFromDate.getTime() <= now &&
    certificate.verify(new X509Certificate(authority.cert).publicKey) &&
    hosts.every((host) =>
      isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host),
    )
  );
}

/** Returns the names and addresses for a server certificate: those of this machine and the configured ones. */
export function wantedHosts(configured: readonly string[]): string[] {
  const own = hostname().toLowerCase();
  const hosts = ['localhost', '127.0.0.1', '::1', ...(isHostName(own) ? [own] : [])];
  for (const host of configured) {
    // The address of all interfaces is no name. A machine's own name may be one that no certificate can contain.
    if (host === '0.0.0.0' || host === '::' || host.toLowerCase() === own) continue;
    if (isIP(host) === 0 && !isHostName(host)) {
      throw new CertificateError(`${JSON.stringify(host)} is no host name and no IP address`);
    }
    hosts.push(host.toLowerCase());
  }
  return [...new Set(hosts)];
}

function isHostName(name: string): boolean {
  return /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(
    name,
  );
}

/** Throws a CertificateError if no server can use `pair`. */
export function checkPair(pair: IssuedPair, file: string, now: number, remedy: string): void {
  const problem = pairProblem(pair, now);
  if (problem !== undefined)
    throw new CertificateError(`the certificate ${file} ${problem}: ${remedy}`);
}

function pairProblem(pair: IssuedPair, now: number): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key)))
      return 'does not belong to its key';
  } catch (error) {
    return `or its key cannot be parsed (${errorText(error)})`;
  }
  if (certificate.validToDate.getTime() <= now) return `expired on ${certificate.validTo}`;
  return undefined;
}
