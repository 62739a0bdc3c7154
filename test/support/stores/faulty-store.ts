import type { ObjectBody, ObjectStore } from '../../../src/storage/object-store.ts';

/** What a process that is killed at a store operation would do next: nothing. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

export type Moment = 'before' | 'after';

/** A call of a store, for a fault to decide by. */
export interface Call {
  readonly method: keyof ObjectStore;
  readonly key: string;
  /** From 1. */
  readonly number: number;
}

/**
 * A store that runs `fault` before and after the effect of every call; what it throws is what the caller
 * gets. A `Crash` ends it: every later call crashes too.
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
        // Nobody gets to read the body that the lost answer carried.
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
