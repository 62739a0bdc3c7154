import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';

import { UsageError } from '../console/exit.ts';
import type { TrustedAuthority } from '../../sources/streams/public-server.ts';

/** The file of `--ca`; undefined without it. Throws UsageError when it holds no certificate. */
export async function trustedAuthority(
  file: string | undefined,
): Promise<TrustedAuthority | undefined> {
  if (file === undefined) return undefined;
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
