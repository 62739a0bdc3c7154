import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../log/logger.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

export interface ResponseOptions {
  readonly store: ObjectStore;
  readonly log: Logger;
  /** Cache-Control of the public JSON and of image files. */
  readonly streamsCacheControl: string;
  readonly imagesCacheControl: string;
}

/** One request, and what its answer is made from. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
  readonly options: ResponseOptions;
}
