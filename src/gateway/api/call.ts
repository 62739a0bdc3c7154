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
