import { DocumentReader } from '../../json/document-reader.ts';

/** What last went wrong with a mirror, kept on the master: a sick mirror may not be able to tell. */
export interface MirrorRecord {
  /** The object that was worked on; absent when it was the mirror as a whole. */
  readonly key?: string;
  readonly message: string;
  /** Milliseconds since 1970 at which it was met first. */
  readonly since: number;
  /** Milliseconds since 1970 at which a run went well again; absent while none has. */
  readonly until?: number;
}

/** Of a mirror, by its name in the configuration. */
export function mirrorRecordKey(name: string): string {
  return `catalog/mirrors/${name}.json`;
}

/** Undefined for anything that is no record: nothing is decided by it. */
export function parseMirrorRecord(text: string): MirrorRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const reader = new DocumentReader();
  const entry = reader.object(value, 'record');
  const key = reader.optional(entry['key'], (item) => reader.text(item, 'key'));
  const until = reader.optional(entry['until'], (item) => reader.count(item, 'until'));
  const record = {
    ...(key === undefined ? {} : { key }),
    message: reader.text(entry['message'], 'message'),
    since: reader.count(entry['since'], 'since'),
    ...(until === undefined ? {} : { until }),
  };
  return reader.fault === undefined ? record : undefined;
}

/** The record after one more run, which met `failure` or went well; the same one when nothing is new. */
export function nextMirrorRecord(
  before: MirrorRecord | undefined,
  failure: Pick<MirrorRecord, 'key' | 'message'> | undefined,
  now: number,
): MirrorRecord | undefined {
  if (failure === undefined) {
    return before === undefined || before.until !== undefined ? before : { ...before, until: now };
  }
  const isSame = before?.key === failure.key && before?.message === failure.message;
  return isSame && before.until === undefined ? before : { ...failure, since: now };
}
