import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Sha256 } from '../images/digests.ts';
import type { UploadDesk } from '../gateway/accept-upload.ts';
import type { FailedUploads } from '../gateway/failed-uploads.ts';
import type { Gate } from './gate.ts';
import { GatewayError, sendError } from './gateway-answers.ts';
import { guardedBody, type BodyLimits } from './gateway-body.ts';
import { wholeBody } from '../bytes/whole-body.ts';
import { clientFault, senderIsGone } from './gateway-faults.ts';
import type { Operations } from './gateway-operations.ts';
import type { TrustedClient, TrustStore } from '../gateway/trust-store.ts';

export interface GatewayParts {
  readonly desk: UploadDesk;
  readonly trust: TrustStore;
  readonly operations: Operations;
  readonly failures: FailedUploads;
  readonly gate: Gate;
  readonly limits: BodyLimits;
  /** What `GET /1.0` tells of the server. */
  readonly server: {
    readonly certificate: string;
    readonly fingerprint: string;
    readonly version: string;
  };
}

/** One request, with who sent it: `certificate` is what it showed, `client` whom we know by that. */
export interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly certificate: Sha256 | undefined;
  readonly client: TrustedClient | undefined;
  /** Aborted when the connection ends before the answer was given. */
  readonly gone: AbortSignal;
}

const JSON_LIMIT = 256 * 1024;

/** The client that calls; GatewayError 403 when we do not know it. */
export function known({ client }: Call): TrustedClient {
  if (client) return client;
  throw new GatewayError(403, 'not authorized');
}

/** Reads the JSON of a call. */
export async function smallBody(
  { limits }: GatewayParts,
  request: IncomingMessage,
): Promise<Buffer> {
  const raw = { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
  return wholeBody(guardedBody(raw as AsyncIterable<Uint8Array>, limits), JSON_LIMIT);
}

/** Tells a client why not. What it sent wrongly it is told; our own faults are for our log. */
export function answerFault(
  { desk }: GatewayParts,
  call: Call,
  response: ServerResponse,
  error: unknown,
): void {
  const { request, client } = call;
  const { status, message } = clientFault(error);
  const fields = { method: request.method, path: call.url.pathname, client: client?.name };
  if (senderIsGone(call, error)) {
    desk.log('info', 'a client went away in the middle of its request', {
      ...fields,
      received: request.socket.bytesRead,
    });
  } else {
    const level = status >= 500 ? 'error' : status === 404 ? 'debug' : 'warn';
    const reason = error instanceof Error ? error.message : String(error);
    desk.log(level, 'a request failed', { ...fields, message: reason });
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // Else, to a client that wants no second request, Node closes with the answer, and the reset overtakes it.
  if (!request.complete) response.setHeader('Connection', 'keep-alive');
  sendError(response, status, message);
}
