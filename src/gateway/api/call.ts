import type { IncomingMessage } from 'node:http';

import type { Sha256 } from '../../images/digests.ts';
import type { UploadContext } from '../accept-upload.ts';
import type { FailedUploads } from '../failed-uploads.ts';
import type { UploadLimiter } from './upload-limiter.ts';
import { GatewayError } from './responses.ts';
import { guardedBody, type BodyLimits } from './guarded-body.ts';
import { wholeBody } from '../../bytes/borrowed-chunks.ts';
import type { Operations } from './operations.ts';
import type { TrustedClient, TrustStore } from '../trust-store.ts';

export interface GatewayParts {
  readonly uploads: UploadContext;
  readonly trust: TrustStore;
  readonly operations: Operations;
  readonly failures: FailedUploads;
  readonly limiter: UploadLimiter;
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
export function requireClient({ client }: Call): TrustedClient {
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
