import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseSha256, type Sha256 } from '../images/digests.ts';
import { decode, parseJson } from '../json/decode.ts';
import { listOf, object, parsed, text, type Decoder } from '../json/decoders.ts';

/** A client certificate that may use the gateway. */
export interface TrustedClient {
  /** sha256 of the certificate's DER form. */
  readonly fingerprint: Sha256;
  readonly name: string;
  /** ISO 8601. */
  readonly addedAt: string;
  /** Patterns of product paths, see `allows`. Empty: every product. */
  readonly allow: readonly string[];
}

/**
 * Returns whether a product path matches one of the stored patterns. In stored patterns `*` also matches `/`, as
 * commit 19521b3 wrote and read them. `allowPattern` stores only patterns that mean the same in both syntaxes.
 */
export function allows(patterns: readonly string[], path: string): boolean {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(path);
  });
}

export interface JoinToken {
  readonly name: string;
  readonly allow: readonly string[];
  /** ISO 8601. */
  readonly expiresAt: string;
}

/**
 * The clients that may use the gateway: one file for each certificate and one for each token, below
 * `<state>/gateway/`. So a command and a running gateway need no lock between them. The process that unlinks a
 * token's file has redeemed it.
 */
export class TrustStore {
  private readonly certificates: string;
  private readonly tokens: string;

  /** `folder` is created on the first write. */
  constructor(folder: string) {
    this.certificates = join(folder, 'certificates');
    this.tokens = join(folder, 'tokens');
  }

  async find(fingerprint: Sha256): Promise<TrustedClient | undefined> {
    const path = join(this.certificates, `${fingerprint}.json`);
    const client = await read(path, storedClient);
    return client && { fingerprint, ...client };
  }

  /** Returns all clients, sorted by name. */
  async list(): Promise<TrustedClient[]> {
    const clients: TrustedClient[] = [];
    for (const file of await namesIn(this.certificates)) {
      const fingerprint = parseSha256(file.replace(/\.json$/, ''));
      const client = fingerprint && (await this.find(fingerprint));
      if (client) clients.push(client);
    }
    return clients.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  async add(client: TrustedClient): Promise<void> {
    await writeJson(this.certificates, client.fingerprint, client);
  }

  /**
   * Removes the client with this name, or with a fingerprint that starts with this text (at least 8 characters).
   * Also removes the unused tokens for this name.
   */
  async remove(
    nameOrFingerprint: string,
  ): Promise<{ readonly clients: TrustedClient[]; readonly tokens: JoinToken[] }> {
    // Tokens first: otherwise a removed client could still redeem one.
    const tokens = await this.withdrawTokens(nameOrFingerprint);
    const clients = await this.list();
    const named = clients.filter(({ name }) => name === nameOrFingerprint);
    const found =
      named.length > 0 || nameOrFingerprint.length < 8
        ? named
        : clients.filter(({ fingerprint }) => fingerprint.startsWith(nameOrFingerprint));
    for (const { fingerprint } of found) {
      await rm(join(this.certificates, `${fingerprint}.json`), { force: true });
    }
    return { clients: found, tokens };
  }

  private async withdrawTokens(name: string): Promise<JoinToken[]> {
    const withdrawn: JoinToken[] = [];
    for (const file of await namesIn(this.tokens)) {
      const token = await read(join(this.tokens, file), joinToken);
      if (token?.name !== name) continue;
      await rm(join(this.tokens, file), { force: true });
      withdrawn.push(token);
    }
    return withdrawn;
  }

  /** Creates a secret that admits one client, once. Only its hash is stored. */
  async createToken(token: JoinToken): Promise<string> {
    const secret = randomBytes(32).toString('hex');
    await writeJson(this.tokens, hashOf(secret), token);
    return secret;
  }

  /**
   * Redeems a secret and trusts the certificate. Returns undefined when the secret does not exist, was used, or
   * had expired at `now` (milliseconds since 1970).
   */
  async redeem(
    secret: string,
    fingerprint: Sha256,
    now: number,
  ): Promise<TrustedClient | undefined> {
    const path = join(this.tokens, `${hashOf(secret)}.json`);
    const token = await read(path, joinToken);
    if (token === undefined) return undefined;
    try {
      await unlink(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
    if (Date.parse(token.expiresAt) <= now) return undefined;
    const addedAt = new Date(now).toISOString();
    const client = { fingerprint, name: token.name, addedAt, allow: token.allow };
    await this.add(client);
    return client;
  }

  /** Deletes tokens that have expired at `now`. Returns the valid ones, sorted by name. */
  async pendingTokens(now: number): Promise<JoinToken[]> {
    const pending: JoinToken[] = [];
    for (const file of await namesIn(this.tokens)) {
      const token = await read(join(this.tokens, file), joinToken);
      if (token && Date.parse(token.expiresAt) > now) pending.push(token);
      else await rm(join(this.tokens, file), { force: true });
    }
    return pending.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

async function writeJson(folder: string, name: string, value: object): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}.json`);
  const temporary = join(folder, `.${randomUUID()}`);
  await writeFile(temporary, `${JSON.stringify(value, undefined, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  await rename(temporary, path);
}

/** Returns undefined when the file does not exist or has another form. Throws when it is not JSON. */
async function read<T>(path: string, decoder: Decoder<T>): Promise<T | undefined> {
  let value: unknown;
  try {
    value = parseJson(await readFile(path, 'utf8'));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw new Error(`${path} cannot be read; remove it, or restore it`, { cause: error });
  }
  const decoded = decode(decoder, value);
  return 'document' in decoded ? decoded.document : undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

type StoredClient = Omit<TrustedClient, 'fingerprint'>;

const storedClient = object<StoredClient>({ name: text, addedAt: text, allow: listOf(text) });

const joinToken = object<JoinToken>({
  name: text,
  allow: listOf(text),
  expiresAt: parsed((time) => (Number.isNaN(Date.parse(time)) ? undefined : time), 'time'),
});

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}
