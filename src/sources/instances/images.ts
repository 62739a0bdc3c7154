import { gatheredBody } from '../../bytes/body-memory.ts';
import { call, failed, InstanceServerError, open, path, type ServerAddress } from './connection.ts';
import { multipartBoundary, multipartParts } from '../../bytes/multipart.ts';
import { memberOf, textOf, textsOf } from '../../json/is-object.ts';
import type { IncomingImage } from '../../archives/incoming-image.ts';

/** The fields of an image's description that are used here (`api.Image`). */
export interface SourceImage {
  readonly fingerprint: string;
  readonly properties: Readonly<Record<string, string>>;
  /** Bytes; 0 when the server does not state it. */
  readonly size: number;
}

/** Finds an image by its fingerprint, the beginning of it, or an alias. */
export async function findImage(
  address: ServerAddress,
  name: string,
  query: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<SourceImage> {
  const get = (...names: readonly string[]) =>
    call(address, 'GET', path(['images', ...names], query), { signal });
  const direct = /^[0-9a-f]{12,64}$/.test(name)
    ? await get(name).catch(() => undefined)
    : undefined;
  if (direct) return parseImage(direct);
  if (query['secret'] !== undefined) return parseImage(await get(name));
  const alias = await get('aliases', name);
  const target = textOf(alias, 'target');
  if (target === undefined) throw unexpectedResponse('an alias without a target');
  return parseImage(await get(target));
}

/** Opens the export of an image. */
export async function exportImage(
  address: ServerAddress,
  fingerprint: string,
  query: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<IncomingImage> {
  const target = path(['images', fingerprint, 'export'], query);
  const response = await open(address, 'GET', target, { signal });
  if (response.statusCode !== 200) await failed(response);
  const boundary = multipartBoundary(response.headers['content-type']);
  const body = gatheredBody(response);
  return boundary === undefined
    ? { kind: 'unified', body }
    : { kind: 'split', parts: multipartParts(body, boundary) };
}

export function parseImage(value: unknown): SourceImage {
  const fingerprint = textOf(value, 'fingerprint');
  if (fingerprint === undefined) throw unexpectedResponse('an image without a fingerprint');
  const size = memberOf(value, 'size');
  return {
    fingerprint,
    properties: textsOf(memberOf(value, 'properties')),
    size: typeof size === 'number' ? size : 0,
  };
}

function unexpectedResponse(what: string): InstanceServerError {
  return new InstanceServerError(`the source answers with ${what}; is it an LXD or Incus server?`);
}
