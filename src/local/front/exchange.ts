import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DocumentFacts } from '../../facts/delivery-policy.ts';
import type { Logger } from '../../log/logger.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

export interface ResponseOptions {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly documents: readonly DocumentFacts[];
}

/** One request, and what its response is made from. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  readonly options: ResponseOptions;
}
