import { decodedOrAbsent } from '../../json/decode.ts';
import { count, object, optional, text } from '../../json/decoders.ts';

/** The last error of a mirror, stored on the master: a mirror that fails may not be able to store it. */
export interface MirrorRecord {
  /** The object that failed; absent when the mirror as a whole failed. */
  readonly key?: string;
  readonly message: string;
  /** The time of the first failure with this error, in milliseconds since 1970. */
  readonly since: number;
  /** The time of the next run that succeeded, in milliseconds since 1970; absent while none has. */
  readonly until?: number;
}

/** Returns the key of the record of a mirror, by the mirror's name in the configuration. */
export function mirrorRecordKey(name: string): string {
  return `catalog/mirrors/${name}.json`;
}

const record = object<MirrorRecord>({
  key: optional(text),
  message: text,
  since: count,
  until: optional(count),
});

/** Returns undefined for anything that is no record: no decision depends on it. */
export function parseMirrorRecord(json: string): MirrorRecord | undefined {
  return decodedOrAbsent(record, json);
}

/**
 * Returns the record after one more run, which failed with `failure` or succeeded. Returns the same record
 * when nothing changed.
 */
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
