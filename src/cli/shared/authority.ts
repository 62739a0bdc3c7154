import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';

import { UsageError } from '../console/exit.ts';
import type { FetchPolicy, TrustedAuthority } from '../../sources/streams/fetch-policy.ts';

/**
 * Returns the policy for a public server, with the authority in the file of `--ca`. UsageError when the file has
 * no certificate.
 */
export async function fetchPolicy(file: string | undefined): Promise<FetchPolicy> {
  return {
    trustAdvice: "give the server's certificate authority with --ca FILE",
    ...(file !== undefined && { authority: await trustedAuthority(file) }),
  };
}

async function trustedAuthority(file: string): Promise<TrustedAuthority> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--ca ${file} cannot be read`, { cause: error });
  }
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw new UsageError(
      `--ca ${file} holds no certificate; a PEM file with -----BEGIN CERTIFICATE----- in it is expected, such as the server's ca.crt`,
      { cause: error },
    );
  }
  return { pem, system: rootCertificates };
}
