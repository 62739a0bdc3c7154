import { decodedOrAbsent } from '../src/json/decode.ts';
import { anything } from '../src/json/decoders.ts';
import { memberOf, textOf } from '../src/json/is-object.ts';
import { versionPrefix, productPrefix } from '../src/images/layout.ts';
import { decodeObjectEvents } from '../src/pipeline/indexing/object-events.ts';
import type { Outcome } from '../src/pipeline/indexing/index-versions.ts';
import { targetOfKey, targetOfPrefix } from '../src/pipeline/indexing/targets.ts';

/** One message of an SQS batch, as far as it is used here. */
export interface QueueMessage {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  /** How often the message was received, this time included. */
  readonly receives: number;
}

/** The request that a message contains. */
export type Request =
  | {
      readonly kind: 'index';
      readonly prefixes: readonly string[];
      readonly foreign: number;
      /** For each other record that cannot be read, the reason; absent when all can be read. */
      readonly unreadable?: readonly string[];
    }
  /** The message can never be read. The dead-letter queue keeps it for a person. */
  | { readonly kind: 'malformed'; readonly reason: string };

/**
 * The response that names the messages that are not done (AWS Lambda guide, "Reporting batch item failures").
 */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

const SHORTEST_WAIT_S = 5;
const LONGEST_WAIT_S = 300;

/** Reads the event that the function was called with. Throws for messages of any other shape. */
export function parseQueueEvent(event: unknown): QueueMessage[] {
  const records = memberOf(event, 'Records');
  if (!Array.isArray(records))
    throw new Error('the event is no SQS batch: it has no list "Records"');
  return records.map((record: unknown) => ({
    messageId: required(record, 'messageId'),
    receiptHandle: required(record, 'receiptHandle'),
    body: required(record, 'body'),
    receives: Number(memberOf(memberOf(record, 'attributes'), 'ApproximateReceiveCount') ?? 1) || 1,
  }));
}

/** Reads a message: an S3 event notification, or a sweep's list of versions. */
export function decodeRequest(body: string, bucket: string): Request {
  const own = sweepRequest(body);
  if (own !== undefined) return own;
  const events = decodeObjectEvents(body, { bucket });
  switch (events.kind) {
    case 'test':
      return { kind: 'index', prefixes: [], foreign: 0 };
    case 'malformed':
      return events;
    case 'events': {
      const [problem] = events.malformed;
      if (problem !== undefined && events.keys.length === 0) {
        return { kind: 'malformed', reason: problem };
      }
      const prefixes = events.keys.flatMap(({ key }) => targetOfKey(key)?.prefix ?? []);
      return {
        kind: 'index',
        prefixes: [...new Set(prefixes)],
        foreign: events.foreign,
        ...(events.malformed.length > 0 && { unreadable: events.malformed }),
      };
    }
  }
}

/** Returns true when nothing in a message is unreadable. */
export function isWhollyRead(request: Request): boolean {
  return request.kind === 'index' && request.unreadable === undefined;
}

/** Returns the body of a message by which a sweep asks to index versions and products. */
export function sweepMessage(prefixes: readonly string[]): string {
  return JSON.stringify({ bucketstreams: { versions: prefixes } });
}

function sweepRequest(body: string): Request | undefined {
  const own = memberOf(decodedOrAbsent(anything, body), 'bucketstreams');
  if (own === undefined) return undefined;
  const listed = memberOf(own, 'versions');
  const prefixes = Array.isArray(listed) ? listed : [undefined];
  const known = prefixes.flatMap((prefix: unknown) => {
    const target = typeof prefix === 'string' ? targetOfPrefix(prefix) : undefined;
    if (target === undefined) return [];
    return [target.kind === 'version' ? versionPrefix(target.ref) : productPrefix(target.product)];
  });
  if (known.length < prefixes.length) {
    return { kind: 'malformed', reason: 'a sweep message lists something that is no version' };
  }
  return { kind: 'index', prefixes: known, foreign: 0 };
}

/** Returns for how many seconds to hide a message that is not done; undefined when it is done. */
export function hideFor(
  message: QueueMessage,
  prefixes: readonly string[],
  outcomes: ReadonlyMap<string, Outcome>,
): number | undefined {
  const waits = prefixes.flatMap((prefix) => {
    const outcome = outcomes.get(prefix);
    return outcome?.kind === 'again' ? [Math.ceil(outcome.afterMs / 1000)] : [];
  });
  if (waits.length === 0) return undefined;
  return Math.min(LONGEST_WAIT_S, Math.max(waitOf(message), ...waits));
}

/** Returns for how many seconds to hide a message that is retried. The wait grows with each receive. */
export function waitOf(message: QueueMessage): number {
  return Math.min(LONGEST_WAIT_S, SHORTEST_WAIT_S * 2 ** Math.min(message.receives - 1, 10));
}

function required(record: unknown, name: string): string {
  const text = textOf(record, name);
  if (text === undefined) throw new Error(`the event is no SQS batch: a record has no ${name}`);
  return text;
}
