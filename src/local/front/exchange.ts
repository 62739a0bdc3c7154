import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DocumentFacts } from '../../facts/delivery-policy.ts';
import type { Logger } from '../../log/logger.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

export interface ResponseOptions {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly documents: readonly DocumentFacts[];
}

/** One request, and everything that its response needs. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal;
  readonly options: ResponseOptions;
}
