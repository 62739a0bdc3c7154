import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../catalog/document.ts';
import type { Hasher } from '../images/digests.ts';
import type { Logger } from '../log/logger.ts';
import { silentMeter, type Meter } from '../log/meter.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { DigestMemory } from './digest-memory.ts';
import { PUBLIC_DOCUMENTS, type PublicDocument } from './documents/public-documents.ts';
import type { LoadedCatalog } from './loaded-catalog.ts';

/** What every use case needs of the world. */
export interface PipelineContext {
  /** The master. */
  readonly store: ObjectStore;
  readonly hasher: Hasher;
  /** Outlives an invocation in a warm process. */
  readonly memory: DigestMemory;
  readonly log: Logger;
  readonly meter: Meter;
  /** What is published on the master and on each mirror, in the order of writing. */
  readonly documents: readonly PublicDocument[];
  /** The catalog as the present piece of work last read or wrote it: not read again while it is that one. */
  readonly known?: { last?: LoadedCatalog };
  /** The configuration's, applied by enumerations; absent fields keep what the catalog has. */
  readonly settings?: Partial<Settings>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after so many milliseconds, or at once when the signal aborts. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** A context with the real clock that measures nothing. */
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
