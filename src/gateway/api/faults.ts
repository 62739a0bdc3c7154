import type { ServerResponse } from 'node:http';

import { ImageError, type ImageErrorCode } from '../../archives/image-error.ts';
import { MultipartError } from '../../bytes/multipart.ts';
import { BodyTooLargeError } from '../../bytes/borrowed-chunks.ts';
import { PlacementError } from '../../publishing/reservation.ts';
import { InstanceServerError } from '../../sources/instances/connection.ts';
import { isStoreError, type StoreErrorCode } from '../../storage/errors.ts';
import { GatewayError, sendError } from './responses.ts';
import type { Call, GatewayParts } from './call.ts';
import { ClientGoneError } from './client-gone.ts';
import { errorText } from '../../log/error-text.ts';

/** An error in the form that a client receives. It never names keys or paths of the store. */
export interface ClientFault {
  readonly status: number;
  readonly message: string;
}

/** Messages for store errors that a client can act on, or report to the gateway's operator. */
const STORE_FAULTS: Partial<Record<StoreErrorCode, string>> = {
  no_space: 'the store of the server is full; nothing was published',
  access_denied: 'the server is not allowed to write to its store; nothing was published',
  unavailable: 'the store of the server does not respond; try again in a while',
  conflict: 'another program wrote the same files at the same moment; try again',
  precondition_failed: 'another program wrote the same files at the same moment; try again',
};

const IMAGE_STATUS: Readonly<Record<ImageErrorCode, number>> = {
  unusable: 400,
  undecodable: 400,
  mismatch: 400,
  unnamed: 400,
  forbidden: 403,
  discarded: 404,
  present: 409,
  too_large: 413,
};

export function clientFault(error: unknown): ClientFault {
  const message = errorText(error);
  if (error instanceof GatewayError) return { status: error.status, message };
  if (error instanceof ImageError) return { status: IMAGE_STATUS[error.code], message };
  if (error instanceof BodyTooLargeError) return { status: 413, message };
  if (error instanceof ClientGoneError) return { status: 408, message };
  if (error instanceof MultipartError) return { status: 400, message };
  // Safe for the client: the source's address and its responses belong to the client's own request.
  if (error instanceof InstanceServerError) return { status: 502, message };
  if (error instanceof PlacementError) {
    return {
      status: 409,
      message: 'no version could be created: another program wrote to it; try again',
    };
  }
  if (isStoreError(error)) {
    const known = STORE_FAULTS[error.code] ?? 'the store of the server failed';
    return { status: error.code === 'no_space' ? 507 : 500, message: known };
  }
  return { status: 500, message: 'the server failed; see its log' };
}

/** Returns whether a request failed only because its sender disconnected. */
function senderIsGone({ request, gone }: Call, error: unknown): boolean {
  if (gone.aborted) return true;
  const refused = [GatewayError, ImageError, BodyTooLargeError];
  if (refused.some((kind) => error instanceof kind)) return false;
  if (isStoreError(error)) return false;
  return request.destroyed && !request.complete;
}

/**
 * Sends and logs an error. The response explains the client's own mistakes; details of our errors are only in the
 * log.
 */
export function respondWithFault(
  { uploads }: GatewayParts,
  call: Call,
  response: ServerResponse,
  error: unknown,
): void {
  const { request, client } = call;
  const { status, message } = clientFault(error);
  const fields = { method: request.method, path: call.url.pathname, client: client?.name };
  if (senderIsGone(call, error)) {
    uploads.log('info', 'a client went away in the middle of its request', {
      ...fields,
      received: request.socket.bytesRead,
    });
  } else {
    const level = status >= 500 ? 'error' : status === 404 ? 'debug' : 'warn';
    const reason = errorText(error);
    uploads.log(level, 'a request failed', { ...fields, message: reason });
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // Without this header, Node closes the connection together with the response when the client wants no second
  // request. The reset then arrives before the response.
  if (!request.complete) response.setHeader('Connection', 'keep-alive');
  sendError(response, status, message);
}
