import { run } from '../command.ts';

/**
 * Issues a certificate for this machine that is its own authority. Both files are PEM and valid for
 * two days.
 */
export async function issueCertificate(certificate: string, key: string): Promise<void> {
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate],
    ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
  ]);
}
