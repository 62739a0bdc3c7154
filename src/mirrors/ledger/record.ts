import { decodedOrAbsent } from '../../json/decode.ts';
import { count, object, optional, text } from '../../json/decoders.ts';

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

const record = object<MirrorRecord>({
  key: optional(text),
  message: text,
  since: count,
  until: optional(count),
});

/** Undefined for anything that is no record: nothing is decided by it. */
export function parseMirrorRecord(json: string): MirrorRecord | undefined {
  return decodedOrAbsent(record, json);
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
