import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { wholeBody } from '../../../src/bytes/borrowed-chunks.ts';
import { StoreError, type StoreErrorCode } from '../../../src/storage/errors.ts';
import type {
  ETag,
  ObjectInfo,
  ObjectStore,
  WriteCondition,
} from '../../../src/storage/object-store.ts';

interface Held {
  readonly body: Buffer;
  readonly etag: ETag;
  readonly lastModified: number;
}

/** The bytes under a key at this moment. */
export type BodyOf = (key: string) => Buffer | undefined;

/**
 * A store in memory whose ETags depend only on the bytes, as for most objects in S3. The same bytes
 * stored again have the same ETag, which a directory store cannot show. `onChange` is called within
 * every change. `now` gives the time of every change.
 */
export function memoryStore(
  name: string,
  onChange: (bodyOf: BodyOf) => void = () => undefined,
  now: () => number = Date.now,
): ObjectStore {
  const objects = new Map<string, Held>();
  const changed = () => onChange((key) => objects.get(key)?.body);
  const fail = (code: StoreErrorCode, operation: string, key: string) =>
    new StoreError(code, operation, `${code}: ${operation} ${key} in ${name}`, { key });
  const info = (key: string, { body, etag, lastModified }: Held): ObjectInfo => ({
    key,
    etag,
    size: body.length,
    lastModified,
  });
  const check = (operation: string, key: string, condition: WriteCondition | undefined) => {
    if (condition === undefined) return;
    const present = objects.get(key);
    if ('ifAbsent' in condition) {
      if (present) throw fail('precondition_failed', operation, key);
    } else if (present === undefined) throw fail('not_found', operation, key);
    else if (present.etag !== condition.ifMatch) throw fail('precondition_failed', operation, key);
  };
  const set = (key: string, body: Buffer): ObjectInfo => {
    const etag = createHash('md5').update(body).digest('hex') as ETag;
    const object = { body, etag, lastModified: now() };
    objects.set(key, object);
    changed();
    return info(key, object);
  };
  const get = (operation: string, key: string, ifMatch?: ETag): Held => {
    const object = objects.get(key);
    if (object === undefined) throw fail('not_found', operation, key);
    if (ifMatch !== undefined && object.etag !== ifMatch) {
      throw fail('precondition_failed', operation, key);
    }
    return object;
  };
  const store: ObjectStore = {
    url: `memory:${name}`,
    stat: (key) => Promise.resolve(objects.get(key)).then((object) => object && info(key, object)),
    read: async (key, { range, ifMatch } = {}) => {
      await Promise.resolve();
      const object = get('read', key, ifMatch);
      const stream = Readable.from([object.body.subarray(range?.start ?? 0, range?.end)]);
      return { info: info(key, object), stream };
    },
    async *list(prefix, { startAfter = '' } = {}) {
      await Promise.resolve();
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > startAfter);
      const infos = keys.sort().map((key) => info(key, get('list', key)));
      yield* infos;
    },
    write: async (key, body, { condition } = {}) => {
      await Promise.resolve();
      check('write', key, condition);
      return set(key, Buffer.from(body));
    },
    upload: async (key, body, { condition } = {}) => {
      const bytes = await wholeBody(body, Infinity);
      check('upload', key, condition);
      return set(key, bytes);
    },
    copy: (_, key) => Promise.reject(fail('unsupported', 'copy', key)),
    remove: async (key, { ifMatch } = {}) => {
      await Promise.resolve();
      if (ifMatch !== undefined) get('remove', key, ifMatch);
      objects.delete(key);
      changed();
    },
    close: () => Promise.resolve(),
  };
  return store;
}
