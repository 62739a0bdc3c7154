import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../catalog/document.ts';
import type { Hasher } from '../images/digests.ts';
import type { Logger } from '../log/logger.ts';
import { silentMeter, type Meter } from '../log/meter.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { DigestMemory } from './digest-memory.ts';
import { PUBLIC_DOCUMENTS, type PublicDocument } from './documents/public-documents.ts';
import type { LoadedCatalog } from './loaded-catalog.ts';

/** The dependencies of every use case. */
export interface PipelineContext {
  /** The master. */
  readonly store: ObjectStore;
  readonly hasher: Hasher;
  /** Persists between invocations of a warm process. */
  readonly memory: DigestMemory;
  readonly log: Logger;
  readonly meter: Meter;
  /** The documents that are published on the master and on each mirror, in the order of writing. */
  readonly documents: readonly PublicDocument[];
  /**
   * The catalog as the present operation last read or wrote it. It is not read again while it is unchanged.
   */
  readonly known?: { last?: LoadedCatalog };
  /** Settings from the configuration, which scans apply. Absent fields keep the catalog's values. */
  readonly settings?: Partial<Settings>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after this many milliseconds, or at once when the signal aborts. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
}

/** Creates a context with the real clock and without measurements. */
export function createContext(
  parts: Pick<PipelineContext, 'store' | 'hasher' | 'log'> & Partial<PipelineContext>,
): PipelineContext {
  return {
    memory: new DigestMemory(),
    meter: silentMeter,
    documents: PUBLIC_DOCUMENTS,
    now: Date.now,
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    random: Math.random,
    ...parts,
  };
}
