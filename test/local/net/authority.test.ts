import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import {
  ensureCertificate,
  loadCertificate,
  trustInstructions,
  type LocalCertificate,
} from '../../../src/net/authority.ts';
import { CertificateError } from '../../../src/net/certificate-check.ts';

const DAY = 86_400_000;
const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tls-'));
  folders.push(folder);
  return folder;
}

/**
 * Connects to a server with `certificate` and the name `servername`. The client trusts only the
 * certificate's authority.
 */
async function handshake(certificate: LocalCertificate, servername: string): Promise<void> {
  const { key, cert, ca } = certificate;
  const server = tls.createServer({ key, cert }, (socket) => socket.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  try {
    const socket = tls.connect({ host: '127.0.0.1', port, ca, servername });
    await once(socket, 'secureConnect');
    socket.destroy();
  } finally {
    server.close();
  }
}

async function mode(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8);
}

describe('the certificate', () => {
  it('is accepted by clients that trust the authority, for each of its names', async () => {
    const stateDir = path.join(await freshFolder(), 'new', 'state');
    const made = await ensureCertificate({ stateDir, hosts: ['Images.Example.org', '10.1.2.3'] });
    assert.equal(made.created, true);
    for (const name of ['localhost', 'images.example.org']) await handshake(made, name);
    await assert.rejects(handshake(made, 'other.example.org'), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const leaf = new X509Certificate(made.cert);
    for (const ip of ['127.0.0.1', '::1', '10.1.2.3']) assert.equal(leaf.checkIP(ip), ip);
    if (/^[a-z0-9-]+$/i.test(hostname())) assert.ok(leaf.checkHost(hostname()));
    assert.equal(leaf.ca, false);
    assert.equal(made.sha256, createHash('sha256').update(leaf.raw).digest('hex'));
  });

  it('has keys that only this user can read', async () => {
    const stateDir = path.join(await freshFolder(), 'state');
    const { caPath } = await ensureCertificate({ stateDir, hosts: [] });
    const folder = path.dirname(caPath);
    assert.equal(caPath, path.join(stateDir, 'tls', 'ca.crt'));
    assert.equal(await mode(stateDir), '700');
    assert.equal(await mode(folder), '700');
    assert.equal(await mode(path.join(folder, 'ca.key')), '600');
    assert.equal(await mode(path.join(folder, 'server.pem')), '600');
  });

  it('stays while it covers the hosts and is valid for long enough', async () => {
    const stateDir = await freshFolder();
    const now = Date.now();
    const first = await ensureCertificate({ stateDir, hosts: ['a.example', 'b.example'], now });
    const again = await ensureCertificate({ stateDir, hosts: ['b.example'], now: now + 700 * DAY });
    assert.deepEqual(again, { ...first, created: false });

    const late = await ensureCertificate({ stateDir, hosts: ['b.example'], now: now + 800 * DAY });
    assert.notEqual(late.sha256, first.sha256);
    assert.equal(late.ca, first.ca);

    const other = await ensureCertificate({ stateDir, hosts: ['c.example'], now: now + 800 * DAY });
    assert.notEqual(other.sha256, late.sha256);
    assert.ok(new X509Certificate(other.cert).checkHost('c.example'));
  });

  it('is made again when its file is damaged', async () => {
    const stateDir = await freshFolder();
    const first = await ensureCertificate({ stateDir, hosts: [] });
    const file = path.join(stateDir, 'tls', 'server.pem');
    const text = await readFile(file, 'utf8');
    for (const damaged of ['', 'nonsense', text.slice(0, 300), text.replace(/[A-Z]/g, 'B')]) {
      await writeFile(file, damaged);
      const made = await ensureCertificate({ stateDir, hosts: [] });
      assert.equal(made.ca, first.ca);
      await handshake(made, 'localhost');
    }
  });

  it('has one authority when several programs start at once, which leave no other files', async () => {
    const stateDir = path.join(await freshFolder(), 'state');
    const script = `
      const { ensureCertificate } = await import(process.argv[1]);
      const made = await ensureCertificate({ stateDir: process.argv[2], hosts: [] });
      process.stdout.write(JSON.stringify(made));`;
    const module = new URL('../../../src/net/authority.ts', import.meta.url).href;
    const args = ['--input-type=module', '-e', script, module, stateDir];
    const all = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { stdout } = await promisify(execFile)(process.execPath, args);
        return JSON.parse(stdout) as LocalCertificate;
      }),
    );
    assert.equal(new Set(all.map(({ ca }) => ca)).size, 1);
    assert.equal(all.filter(({ created }) => created).length, 1);
    for (const made of all) await handshake(made, 'localhost');
    assert.deepEqual(await readdir(stateDir), ['tls']);
    const files = await readdir(path.join(stateDir, 'tls'));
    assert.deepEqual(files.sort(), ['ca.crt', 'ca.key', 'server.pem']);
    await handshake(await ensureCertificate({ stateDir, hosts: [] }), 'localhost');
  });

  it('cannot be made from wrong input, and the error names the file', async () => {
    const rejects = async (attempt: Promise<unknown>, said: RegExp) =>
      assert.rejects(
        attempt,
        (error) => error instanceof CertificateError && said.test(error.message),
      );
    const stateDir = await freshFolder();
    for (const host of ['a b', 'x/y', '*', 'a..b', '']) {
      await rejects(ensureCertificate({ stateDir, hosts: [host] }), /no host name/);
    }
    const { ca } = await ensureCertificate({ stateDir, hosts: [] });
    const now = Date.now() + 3700 * DAY;
    await rejects(ensureCertificate({ stateDir, hosts: [], now }), /expired.*tls away/);

    const other = await freshFolder();
    await ensureCertificate({ stateDir: other, hosts: [] });
    await writeFile(path.join(other, 'tls', 'ca.crt'), ca);
    await rejects(ensureCertificate({ stateDir: other, hosts: [] }), /does not belong to its key/);
    await rm(path.join(other, 'tls', 'ca.crt'));
    await rejects(ensureCertificate({ stateDir: other, hosts: [] }), /no ca\.crt/);

    const file = path.join(await freshFolder(), 'file');
    await writeFile(file, '');
    await rejects(ensureCertificate({ stateDir: file, hosts: [] }), /cannot be used/);
  });

  it("may be the user's own", async () => {
    const folder = await freshFolder();
    const { cert, key, sha256 } = await ensureCertificate({ stateDir: folder, hosts: [] });
    const certFile = path.join(folder, 'own.crt');
    const keyFile = path.join(folder, 'own.key');
    await assert.rejects(loadCertificate({ certFile, keyFile }), /own\.crt cannot be read/);
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    assert.deepEqual(await loadCertificate({ certFile, keyFile }), { cert, key, sha256 });
    await mkdir(path.join(folder, 'other'));
    const other = await ensureCertificate({ stateDir: path.join(folder, 'other'), hosts: [] });
    await writeFile(keyFile, createPrivateKey(other.key).export({ type: 'sec1', format: 'pem' }));
    await assert.rejects(loadCertificate({ certFile, keyFile }), /does not belong to its key/);
  });

  it('comes with instructions that name the file and its fingerprint', async () => {
    const { caPath, ca } = await ensureCertificate({ stateDir: await freshFolder(), hosts: [] });
    const text = trustInstructions(caPath);
    assert.ok(text.includes(caPath));
    assert.ok(text.includes(new X509Certificate(ca).fingerprint256));
    assert.match(text, /update-ca-certificates[\s\S]*SSL_CERT_FILE/);
  });
});
