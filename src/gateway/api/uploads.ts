import type { IncomingMessage } from 'node:http';

import type { IncomingImage } from '../../archives/incoming-image.ts';
import { gatheredBody } from '../../bytes/body-memory.ts';
import { multipartBoundary, multipartParts } from '../../bytes/multipart.ts';
import { type ApiResponse, GatewayError, operation, sync } from './responses.ts';
import type { Call, GatewayParts } from './call.ts';
import {
  acceptUpload,
  stillTrusted,
  type AcceptedUpload,
  type UploadContext,
} from '../accept-upload.ts';
import { clientFault } from './faults.ts';
import { ClientGoneError } from './client-gone.ts';
import { pullImage } from './pull.ts';
import { jsonBody, parseImagePost, requireClient, text, uploadHeaders } from './request.ts';
import { secretOf } from '../token.ts';
import type { TrustedClient } from '../trust-store.ts';
import type { PushIntent } from './operations.ts';
import { guardedBody, type BodyLimits } from './upload-limits.ts';

/** Trusts the certificate of a client that sends a valid token. */
export async function join(parts: GatewayParts, call: Call): Promise<ApiResponse> {
  const { request, certificate, client } = call;
  const body = await jsonBody(parts, request);
  if (certificate === undefined) {
    throw new GatewayError(403, 'no client certificate was shown; nothing can be trusted');
  }
  if (client) throw new GatewayError(400, 'Certificate already in trust store');
  // LXD 5.0 sends the token as a password.
  const secret = secretOf(text(body, 'trust_token', 8192) || text(body, 'password', 8192));
  const joined = await parts.trust.redeem(secret, certificate, parts.uploads.now());
  if (!joined) {
    parts.uploads.log('warn', 'a client was refused', { certificate });
    throw new GatewayError(
      403,
      'the token is unknown, used or expired; get a new one by `bucketstreams gateway token NAME`',
    );
  }
  parts.uploads.log('info', 'a client joined', { name: joined.name, certificate });
  return sync(null, `/1.0/certificates/${certificate}`);
}

export async function upload(parts: GatewayParts, call: Call): Promise<ApiResponse> {
  const { request, gone } = call;
  const { uploads, operations, limits, limiter, failures } = parts;
  if (/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    return announceOrPull(parts, call);
  }
  const { secret, fingerprint } = uploadHeaders(request);
  const intent = secret === undefined ? undefined : operations.redeem(secret);
  if (secret !== undefined && !intent) throw new GatewayError(403, 'the secret is wrong or used');
  const by = intent?.client ?? requireClient(call);
  if (intent) await stillTrusted(uploads, by);
  const accepted = await limiter
    .pass(gone, () => uploadFromBody(uploads, call, limits, { by, intent }))
    .catch((error: unknown) => {
      const { message } = clientFault(gone.aborted ? new ClientGoneError() : error);
      failures.note(by.fingerprint, fingerprint ?? intent?.fingerprint, message);
      throw error;
    });
  log(parts, 'an image arrived', accepted, by.name);
  // The upload is complete before the response. So clients need no events, and they show a failure as it is.
  const metadata = { fingerprint: accepted.fingerprint, size: String(accepted.size) };
  const done = operations.finished('Downloading image', metadata, { withSecret: !!intent });
  return operation(done);
}

/** Receives the image in a request's body. The headers, or the announced push, describe it. */
async function uploadFromBody(
  uploads: UploadContext,
  { request, gone }: Call,
  limits: BodyLimits,
  { by, intent }: { readonly by: TrustedClient; readonly intent: PushIntent | undefined },
): Promise<AcceptedUpload> {
  const headers = uploadHeaders(request);
  const fingerprint = headers.fingerprint ?? intent?.fingerprint;
  return acceptUpload(uploads, {
    image: incomingImage(request, limits),
    sizeLimit: limits.size,
    aliases: [...(intent?.aliases ?? []), ...headers.aliases],
    properties: { ...headers.properties, ...intent?.properties },
    ...(fingerprint !== undefined && { fingerprint }),
    by,
    signal: gone,
  });
}

function incomingImage(request: IncomingMessage, limits: BodyLimits): IncomingImage {
  // When a body is rejected, the connection must stay open for the response.
  const body = guardedBody(gatheredBody(request, { keep: true }), limits);
  const boundary = multipartBoundary(request.headers['content-type']);
  return boundary === undefined
    ? { kind: 'unified', body }
    : { kind: 'split', parts: multipartParts(body, boundary) };
}

async function announceOrPull(parts: GatewayParts, call: Call): Promise<ApiResponse> {
  const { request, gone } = call;
  const { uploads, operations, limits, limiter } = parts;
  const client = requireClient(call);
  const post = parseImagePost(await jsonBody(parts, request));
  if (post.mode === 'push') {
    const announced = operations.announce({
      ...(/^[0-9a-f]{64}$/.test(post.fingerprint) && { fingerprint: post.fingerprint }),
      aliases: post.aliases,
      properties: post.properties,
      client,
    });
    return operation(announced);
  }
  if (post.type !== 'image') {
    throw new GatewayError(
      400,
      `this server takes images only; it cannot make one of a source of type ${JSON.stringify(post.type)}`,
    );
  }
  const accepted = await limiter.pass(gone, () => pullImage(uploads, post, limits, client, gone));
  log(parts, 'an image was fetched', accepted, client.name);
  const metadata = { fingerprint: accepted.fingerprint, size: String(accepted.size) };
  return operation(operations.finished('Downloading image', metadata));
}

function log(
  { uploads }: GatewayParts,
  event: string,
  { fingerprint, size }: { readonly fingerprint: string; readonly size: number },
  client: string,
): void {
  uploads.log('info', event, { fingerprint, size, client });
}
