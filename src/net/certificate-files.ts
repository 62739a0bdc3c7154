import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { IssuedPair } from './issue.ts';

const CA_CERT = 'ca.crt';
const CA_KEY = 'ca.key';
const SERVER = 'server.pem';

export function authorityPath(folder: string): string {
  return path.join(folder, CA_CERT);
}

/** Reads the authority in `folder`; undefined if there is none. */
export async function readAuthority(folder: string): Promise<IssuedPair | undefined> {
  const cert = await readIfThere(authorityPath(folder));
  if (cert === undefined) return undefined;
  return { cert, key: await readFile(path.join(folder, CA_KEY), 'utf8') };
}

/**
 * Stores a new authority at `folder`, which must be missing or empty. One rename creates the complete folder. So
 * only one of two concurrent processes succeeds, and no process sees a certificate without its key. Returns
 * false if another process was faster.
 */
export async function writeAuthority(folder: string, { key, cert }: IssuedPair): Promise<boolean> {
  const temporary = `${folder}.${randomUUID()}`;
  await mkdir(temporary, { mode: 0o700 });
  try {
    await writeDurably(path.join(temporary, CA_KEY), key, 0o600);
    await writeDurably(path.join(temporary, CA_CERT), cert, 0o644);
    await syncFolder(temporary);
    await rename(temporary, folder);
    await syncFolder(path.dirname(folder));
    return true;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    throw error;
  }
}

/** Reads the server's key and certificate; undefined if there are none. */
export async function readServer(folder: string): Promise<IssuedPair | undefined> {
  const both = await readIfThere(path.join(folder, SERVER));
  const match = /^(-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n)(.*)$/s.exec(
    both ?? '',
  );
  const [, key, cert] = match ?? [];
  return key !== undefined && cert !== undefined ? { key, cert } : undefined;
}

/** Replaces the server's key and certificate. They are in one file, so that they always match. */
export async function writeServer(folder: string, { key, cert }: IssuedPair): Promise<void> {
  const temporary = path.join(folder, `${SERVER}.${randomUUID()}`);
  try {
    await writeDurably(temporary, key + cert, 0o600);
    await rename(temporary, path.join(folder, SERVER));
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeDurably(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
