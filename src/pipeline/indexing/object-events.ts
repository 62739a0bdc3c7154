import { IMAGES_PREFIX } from '../../images/layout.ts';
import { decodedOrAbsent } from '../../json/decode.ts';
import { anything } from '../../json/decoders.ts';
import { isObject, memberOf } from '../../json/is-object.ts';

/** A key whose object was written or removed, according to an event. It is a hint to look at the key. */
interface KeyEvent {
  /** Decoded, as in the store. */
  readonly key: string;
  readonly removed: boolean;
}

export type ObjectEvents =
  | {
      readonly kind: 'events';
      readonly keys: readonly KeyEvent[];
      /**
       * The number of records that are not ours: another bucket, prefix, service, format or kind of event.
       */
      readonly foreign: number;
      /** For each record that should be ours and cannot be read, the reason. */
      readonly malformed: readonly string[];
    }
  /** S3's test message when notifications are set up, or a body without records. There is nothing to do. */
  | { readonly kind: 'test' }
  | { readonly kind: 'malformed'; readonly reason: string };

export interface EventScope {
  /** Records of other buckets are foreign. When absent, every bucket is accepted. */
  readonly bucket?: string;
  /** The prefix of the keys that matter; `images/` when absent. */
  readonly prefix?: string;
}

/** Amazon S3 and MinIO. Both send records in Amazon's format. */
const SOURCES = ['aws:s3', 'minio:s3'];
/** Our own outputs. They are ignored with every prefix; otherwise one write would cause the next. */
const OWN_PREFIXES = ['streams/', 'catalog/'];
const WRITTEN = /^(s3:)?(ObjectCreated|ObjectRestore):/;
const REMOVED = /^(s3:)?(ObjectRemoved|LifecycleExpiration):/;
const MAX_REASON_LENGTH = 200;

/**
 * Decodes an S3 event notification (the Amazon S3 user guide, "Event message structure") or the body of a
 * MinIO webhook, parsed or as text. A record that cannot be read does not affect the others. Fields that are
 * not needed are not checked.
 */
export function decodeObjectEvents(body: unknown, scope: EventScope = {}): ObjectEvents {
  const message = typeof body === 'string' ? decodedOrAbsent(anything, body) : body;
  if (message === undefined) return { kind: 'malformed', reason: 'the body is not JSON' };
  const records = memberOf(message, 'Records');
  if (records === undefined && memberOf(message, 'Event') === 's3:TestEvent')
    return { kind: 'test' };
  if (!Array.isArray(records)) {
    return { kind: 'malformed', reason: 'the body has no list "Records"' };
  }
  if (records.length === 0) return { kind: 'test' };

  const keys: KeyEvent[] = [];
  const malformed: string[] = [];
  let foreign = 0;
  for (const record of records) {
    const decoded = decodeRecord(record, scope);
    if (decoded === 'foreign') foreign++;
    else if (typeof decoded === 'string') malformed.push(decoded.slice(0, MAX_REASON_LENGTH));
    else keys.push(decoded);
  }
  return { kind: 'events', keys, foreign, malformed };
}

/** Returns the event, or `foreign`, or else the reason why the record is malformed. */
function decodeRecord(record: unknown, scope: EventScope): KeyEvent | string {
  if (!isObject(record)) return 'a record is no object';
  const source = memberOf(record, 'eventSource');
  if (typeof source !== 'string') return 'a record has no eventSource';
  if (!SOURCES.includes(source)) return 'foreign';
  // Minor versions only add fields.
  const version = memberOf(record, 'eventVersion');
  if (typeof version !== 'string') return 'a record has no eventVersion';
  if (!version.startsWith('2.')) return 'foreign';
  const name = memberOf(record, 'eventName');
  if (typeof name !== 'string') return 'a record has no eventName';
  const removed = REMOVED.test(name);
  if (!removed && !WRITTEN.test(name)) return 'foreign';

  const s3 = memberOf(record, 's3');
  const bucket = memberOf(memberOf(s3, 'bucket'), 'name');
  if (typeof bucket !== 'string') return 'a record has no s3.bucket.name';
  if (scope.bucket !== undefined && scope.bucket !== bucket) return 'foreign';
  const encoded = memberOf(memberOf(s3, 'object'), 'key');
  if (typeof encoded !== 'string' || encoded === '') return 'a record has no s3.object.key';
  const key = decodeKey(encoded);
  if (key === undefined) return `the key ${JSON.stringify(encoded)} is not form-encoded UTF-8`;
  const prefix = scope.prefix ?? IMAGES_PREFIX;
  if (!key.startsWith(prefix) || OWN_PREFIXES.some((own) => key.startsWith(own))) return 'foreign';
  return { key, removed };
}

/** Keys are form-encoded: a space is `+`, a plus `%2B`. */
function decodeKey(encoded: string): string | undefined {
  try {
    const key = decodeURIComponent(encoded.replaceAll('+', ' '));
    return key.isWellFormed() ? key : undefined;
  } catch {
    return undefined;
  }
}
