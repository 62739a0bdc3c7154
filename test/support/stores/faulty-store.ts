import type { ObjectBody, ObjectStore } from '../../../src/storage/object-store.ts';

/** Represents a process that is killed at a store operation and so does nothing more. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export type Moment = 'before' | 'after';

/** A call of a store, from which a fault decides. */
export interface Call {
  readonly method: keyof ObjectStore;
  readonly key: string;
  /** The number of the call, from 1. */
  readonly number: number;
}

/**
 * A store that runs `fault` before and after the effect of every call. The caller gets what `fault`
 * throws. A `Crash` ends the store: every later call crashes too.
 */
export function faultyStore(
  store: ObjectStore,
  fault: (call: Call, moment: Moment) => void | Promise<void>,
): ObjectStore & { readonly calls: () => number } {
  let number = 0;
  let dead = false;
  const around = async <T>(
    method: keyof ObjectStore,
    key: string,
    act: () => Promise<T>,
  ): Promise<T> => {
    if (dead) throw new Crash('the process is dead');
    const call = { method, key, number: ++number };
    try {
      await fault(call, 'before');
      const result = await act();
      try {
        await fault(call, 'after');
      } catch (error) {
        // No caller reads the body of the lost response.
        if (method === 'read') (result as ObjectBody).stream.destroy();
        throw error;
      }
      return result;
    } catch (error) {
      dead ||= error instanceof Crash;
      throw error;
    }
  };
  return {
    url: store.url,
    calls: () => number,
    stat: (key) => around('stat', key, () => store.stat(key)),
    read: (key, options) => around('read', key, () => store.read(key, options)),
    write: (key, body, options) => around('write', key, () => store.write(key, body, options)),
    upload: (key, body, options) => around('upload', key, () => store.upload(key, body, options)),
    copy: (source, key, options) => around('copy', key, () => store.copy(source, key, options)),
    remove: (key, options) => around('remove', key, () => store.remove(key, options)),
    close: () => store.close(),
    async *list(prefix, options) {
      const infos = await around('list', prefix, () =>
        Array.fromAsync(store.list(prefix, options)),
      );
      yield* infos;
    },
  };
}
