import type { IncomingMessage } from 'node:http';

import { wholeBody } from '../../bytes/borrowed-chunks.ts';
import { shown } from '../../images/layout.ts';
import { decodedOrAbsent } from '../../json/decode.ts';
import { anything } from '../../json/decoders.ts';
import { isObject } from '../../json/is-object.ts';
import type { TrustedClient } from '../trust-store.ts';
import type { Call, GatewayParts } from './call.ts';
import { GatewayError } from './responses.ts';
import { guardedBody } from './upload-limits.ts';

/** The fields of a `POST /1.0/images` in JSON that are used here (`api.ImagesPost`). */
export interface ImagePost {
  readonly mode: string;
  readonly type: string;
  readonly protocol: string;
  readonly server: string;
  /** The server's certificate in PEM, or empty. */
  readonly certificate: string;
  readonly fingerprint: string;
  readonly alias: string;
  readonly secret: string;
  readonly imageType: string;
  readonly project: string;
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

const JSON_LIMIT = 256 * 1024;
const MAX_NAME = 1024;
const MAX_ALIASES = 32;

/** Returns the calling client. GatewayError 403 when it is not trusted. */
export function requireClient({ client }: Call): TrustedClient {
  if (client) return client;
  throw new GatewayError(403, 'not authorized');
}

/** Reads the JSON object in a request's body. GatewayError 400 when there is none. */
export async function jsonBody(
  { limits }: GatewayParts,
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>>> {
  const raw = { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
  return parseJson(
    await wholeBody(guardedBody(raw as AsyncIterable<Uint8Array>, limits), JSON_LIMIT),
  );
}

function parseJson(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value = decodedOrAbsent(anything, Buffer.from(bytes).toString('utf8'));
  if (isObject(value)) return value;
  throw new GatewayError(400, 'the request is no JSON object');
}

export function parseImagePost(body: Readonly<Record<string, unknown>>): ImagePost {
  const source = isObject(body['source']) ? body['source'] : {};
  const aliases = Array.isArray(body['aliases']) ? body['aliases'] : [];
  return {
    mode: text(source, 'mode'),
    type: text(source, 'type'),
    protocol: text(source, 'protocol'),
    server: text(source, 'server'),
    certificate: text(source, 'certificate', 64 * 1024),
    fingerprint: text(source, 'fingerprint'),
    alias: text(source, 'alias'),
    secret: text(source, 'secret'),
    imageType: text(source, 'image_type'),
    project: text(source, 'project'),
    aliases: checkedAliases(
      aliases.flatMap((alias: unknown) => (isObject(alias) ? [text(alias, 'name')] : [])),
    ),
    properties: texts(body['properties']),
  };
}

/** The headers of an upload. LXD's start with X-LXD-, Incus's with X-Incus-. */
export interface UploadHeaders {
  readonly fingerprint?: string;
  readonly secret?: string;
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

export function uploadHeaders({ headers }: IncomingMessage): UploadHeaders {
  const header = (name: string): string | undefined => {
    const value = headers[`x-lxd-${name}`] ?? headers[`x-incus-${name}`];
    const first = Array.isArray(value) ? value[0] : value;
    return first === undefined || first === '' ? undefined : first;
  };
  const aliases = header('aliases') ?? '';
  const fingerprint = header('fingerprint');
  const secret = header('secret');
  return {
    ...(fingerprint !== undefined && { fingerprint }),
    ...(secret !== undefined && { secret }),
    // Either a list in the form of a query, or one alias alone.
    aliases: checkedAliases(
      aliases.includes('=')
        ? new URLSearchParams(aliases).getAll('alias')
        : aliases === ''
          ? []
          : [decoded(aliases, 'the header of aliases')],
    ),
    properties: Object.fromEntries(new URLSearchParams(header('properties') ?? '')),
  };
}

/** Decodes percent-encoded text. GatewayError 400 when it is invalid. `where` names the place for the message. */
export function decoded(value: string, where: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new GatewayError(
      400,
      `${where} has ${JSON.stringify(shown(value))}, which is not percent-encoded as it should be`,
    );
  }
}

function checkedAliases(aliases: readonly string[]): readonly string[] {
  if (aliases.length > MAX_ALIASES) {
    throw new GatewayError(400, `${aliases.length} aliases; at most ${MAX_ALIASES} are taken`);
  }
  const long = aliases.find((alias) => alias.length > MAX_NAME);
  if (long === undefined) return aliases;
  throw new GatewayError(
    400,
    `the alias ${JSON.stringify(shown(long))} is longer than ${MAX_NAME} characters`,
  );
}

/** Returns a text field; empty when it is absent. GatewayError when it is too long. */
export function text(
  map: Readonly<Record<string, unknown>>,
  name: string,
  limit = MAX_NAME,
): string {
  const value = map[name];
  if (typeof value !== 'string') return '';
  if (value.length <= limit) return value;
  throw new GatewayError(400, `the field ${name} is longer than ${limit} characters`);
}

function texts(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.keys(value).map((name) => [name, text(value, name)]));
}
