import { X509Certificate, createHash } from 'node:crypto';
import https from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { parseSha256 } from '../../../src/images/digests.ts';
import { ensureCertificate } from '../../../src/net/authority.ts';
import { issueAuthority } from '../../../src/net/issue.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { startGateway, trustFolder, type GatewayOptions } from '../../../src/gateway/server.ts';
import { TrustStore } from '../../../src/gateway/trust-store.ts';
import { METADATA_YAML, tarArchive, type ArchiveEntry } from '../images/tar-archive.ts';
import { temporaryFolder } from '../temporary.ts';

export interface Reply {
  readonly status: number;
  /** The JSON of the whole response. */
  readonly json: Record<string, unknown>;
  readonly error: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly json?: object;
  readonly body?: Readable;
  /** Ends the request, as when the client is killed. */
  readonly signal?: AbortSignal;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A client of a gateway, with a client certificate or without. */
export type Talk = (path: string, asking?: Asking) => Promise<Reply>;

export interface GatewayFixture extends AsyncDisposable {
  readonly url: string;
  /** The path of the store's directory. */
  readonly path: string;
  readonly store: ObjectStore;
  /** Its log. */
  readonly logged: readonly LogLine[];
  readonly trust: TrustStore;
  /** A client without a certificate. */
  readonly stranger: Talk;
  /** Makes a client with a certificate that is not trusted yet. */
  newClient(): Promise<Talk>;
  /** Makes a client that is trusted for these products. */
  trusted(
    allow?: readonly string[],
    name?: string,
    identity?: ReturnType<typeof clientIdentity>,
  ): Promise<Talk>;
  /** All keys in the store. */
  keys(prefix?: string): Promise<string[]>;
}

/** A client's key and certificate, by which every gateway that trusts it identifies it. */
export function clientIdentity() {
  return issueAuthority('a client', Date.now());
}

/** A gateway on a fresh directory store, in this process. `wrap` may put faults between the two. */
export async function gatewayFixture(
  options: Partial<Pick<GatewayOptions, 'limits' | 'rest'>> & {
    readonly wrap?: (store: ObjectStore) => ObjectStore;
    /** A store to use instead of a directory. */
    readonly on?: ObjectStore;
  } = {},
): Promise<GatewayFixture> {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryFolder());
  const data = join(path, 'data');
  const store = options.on ?? (await openDirectoryStore({ path: data }));
  resources.defer(() => store.close());
  const state = join(path, 'state');
  const logged: LogLine[] = [];
  const tls = await ensureCertificate({ stateDir: state, hosts: ['127.0.0.1'] });
  const { wrap = (plain: ObjectStore) => plain, rest, limits } = options;
  const gateway = await startGateway({
    store: wrap(store),
    state,
    host: '127.0.0.1',
    port: 0,
    tls,
    log: (level, message, fields = {}) => void logged.push({ level, message, fields }),
    ...(rest !== undefined && { rest }),
    ...(limits && { limits }),
  });
  resources.defer(() => gateway.close(0));
  const trust = new TrustStore(trustFolder(state));
  const { url } = gateway;
  return {
    url,
    path: data,
    store,
    trust,
    logged,
    stranger: talk(url, tls.ca),
    newClient: async () => talk(url, tls.ca, await clientIdentity()),
    trusted: async (allow = [], name = 'test', identity = clientIdentity()) => {
      const pair = await identity;
      const der = new X509Certificate(pair.cert).raw;
      const fingerprint = parseSha256(createHash('sha256').update(der).digest('hex'))!;
      await trust.add({ fingerprint, name, addedAt: new Date().toISOString(), allow });
      return talk(url, tls.ca, pair);
    },
    keys: async (prefix = '') => {
      const found: string[] = [];
      for await (const { key } of store.list(prefix)) found.push(key);
      return found;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function talk(
  url: string,
  ca: string,
  pair?: { readonly key: string; readonly cert: string },
): Talk {
  return (path, { method, headers = {}, json, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const payload = json && JSON.stringify(json);
      const sent = https.request(
        new URL(path, url),
        {
          ca,
          agent: false,
          ...pair,
          signal,
          method: method ?? (payload !== undefined || body ? 'POST' : 'GET'),
          headers: {
            ...(payload !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
            const error = typeof answer.error === 'string' ? answer.error : '';
            resolve({ status: response.statusCode ?? 0, json: answer, error });
          });
        },
      );
      sent.on('error', reject);
      if (body) {
        // An error of the body means that the sender died.
        body.on('error', (error) => sent.destroy(error));
        body.pipe(sent);
      } else sent.end(payload);
    });
}

export const SQUASHFS = Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(300_000, 7)]);

/**
 * An archive of metadata. Another label gives another archive, and so another fingerprint of the
 * image.
 */
export function metadataTar(label = '', more: readonly ArchiveEntry[] = []): Buffer {
  const content = `${METADATA_YAML}  description: ${JSON.stringify(label)}\n`;
  return tarArchive([{ path: 'metadata.yaml', content }, ...more]);
}

/** Both parts with a boundary around them, as LXD and Incus send them: chunked, with no length. */
export function splitUpload(
  metadata: Uint8Array,
  root: Uint8Array | Readable,
  names: readonly [string, string] = ['metadata', 'rootfs'],
): Asking {
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const [index, part] of [metadata, root].entries()) {
      yield Buffer.from(
        `${index === 0 ? '' : '\r\n'}--B0unDary\r\nContent-Disposition: form-data; name="${names[index]!}"; filename="x"\r\n` +
          'Content-Type: application/octet-stream\r\n\r\n',
      );
      if (part instanceof Uint8Array) yield part;
      else yield* part as AsyncIterable<Uint8Array>;
    }
    yield Buffer.from('\r\n--B0unDary--\r\n');
  }
  return {
    body: Readable.from(parts(), { objectMode: false }),
    headers: { 'content-type': 'multipart/form-data; boundary=B0unDary' },
  };
}

export function fingerprintOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** `metadata.metadata` of an operation, or `metadata` of it. */
export function field(reply: Reply, ...path: readonly string[]): unknown {
  let value: unknown = reply.json;
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name];
  return value;
}
