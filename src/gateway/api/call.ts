import type { IncomingMessage } from 'node:http';

import type { Sha256 } from '../../images/digests.ts';
import type { UploadContext } from '../accept-upload.ts';
import type { FailedUploads } from '../failed-uploads.ts';
import type { BodyLimits, UploadLimiter } from './upload-limits.ts';
import type { Operations } from './operations.ts';
import type { TrustedClient, TrustStore } from '../trust-store.ts';

export interface GatewayParts {
  readonly uploads: UploadContext;
  readonly trust: TrustStore;
  readonly operations: Operations;
  readonly failures: FailedUploads;
  readonly limiter: UploadLimiter;
  readonly limits: BodyLimits;
  /** The server's data in the response to `GET /1.0`. */
  readonly server: {
    readonly certificate: string;
    readonly fingerprint: string;
    readonly version: string;
  };
}

/**
 * One request and its sender. `certificate` is the certificate that the sender presented; `client` is the trusted
 * client with that certificate.
 */
export interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly certificate: Sha256 | undefined;
  readonly client: TrustedClient | undefined;
  /** Aborted when the connection ends before the response is complete. */
  readonly gone: AbortSignal;
}
