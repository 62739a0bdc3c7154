import type { MirrorFilter } from './ledger/document.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** A store that must have what the master has, or a part of it. */
export interface Mirror {
  readonly name: string;
  readonly store: ObjectStore;
  /** Who copies the images: we, or the buckets' own replication. */
  readonly copy: 'fan-out' | 'replication';
  readonly filter: MirrorFilter;
}
