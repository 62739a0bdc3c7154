import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { conditionContract } from './object-store-conditions.ts';
import { listContract } from './object-store-lists.ts';
import { readContract } from './object-store-reads.ts';
import { uploadContract } from './object-store-uploads.ts';

/** A place for objects that is empty at first, with the facts that the suite needs. */
export interface ContractSubject {
  readonly store: ObjectStore;
  /** The same place through another client, as another process uses it. */
  readonly rival: ObjectStore;
  /** Runs `work` with a store on the same place that may neither read nor write. */
  readonly denied: (work: (store: ObjectStore) => Promise<void>) => Promise<void>;
  /** The number of unfinished writes (temporary files, multipart uploads) in the place. */
  readonly unfinished: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/** The subject of the running suite, and a separate prefix for each test. */
export interface ContractScope {
  readonly subject: () => ContractSubject;
  /** `<n>/`, with another number at each call. */
  readonly prefix: () => string;
}

/** What every ObjectStore must do. `open` is called once, before the first test. */
export function objectStoreContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`ObjectStore contract: ${name}`, () => {
    let opened: ContractSubject | undefined;
    let count = 0;
    const scope: ContractScope = {
      subject() {
        assert(opened !== undefined, 'the store under test did not open');
        return opened;
      },
      prefix() {
        count += 1;
        return `t${count}/`;
      },
    };

    before(async () => {
      opened = await open();
    });
    after(async () => {
      await opened?.close();
    });

    readContract(scope);
    listContract(scope);
    conditionContract(scope);
    uploadContract(scope);

    it('leaves nothing unfinished behind', async () => {
      assert.equal(await scope.subject().unfinished(), 0);
    });
  });
}
