import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { ensureCertificate } from '../../../src/net/authority.ts';

it("the certificate and its authority pass openssl's strict checks", async () => {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'tls-'));
  try {
    const { caPath, cert } = await ensureCertificate({ stateDir, hosts: ['a.example'] });
    const leaf = path.join(stateDir, 'leaf.pem');
    await writeFile(leaf, cert);
    const checks = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'a.example'];
    const args = ['verify', ...checks, '-CAfile', caPath, leaf];
    assert.match((await promisify(execFile)('openssl', args)).stdout, /: OK/);
  } finally {
    await rm(stateDir, { recursive: true });
  }
});
