import { getSystemErrorName } from 'node:util';
import { ENDED_EARLY, READ_WELL } from './ring.ts';
import type { FileSpan } from './ring.ts';

/** Bytes of an open file, lent by its owner (see FileReads in the storage port). */
interface LentFile extends FileSpan {
  readonly signal: AbortSignal;
  giveBack(failure?: Error): Promise<void>;
}

/** A body that is part of a file. A reader may borrow the file instead of iterating over the body. */
export interface FileBody extends AsyncIterable<Uint8Array> {
  readonly span: { readonly start: number; readonly end: number };
  lend(): LentFile;
  /** Closes the file, even if it was never lent. */
  destroy(): unknown;
}

export function isFileBody(body: AsyncIterable<Uint8Array>): body is FileBody {
  return 'lend' in body && typeof body.lend === 'function';
}

/** Converts the outcome of reads to an error in the form of Node's own; undefined for READ_WELL. */
export function readFailure(outcome: number): Error | undefined {
  if (outcome === READ_WELL) return undefined;
  if (outcome === ENDED_EARLY) return new Error('the file ended before its size said');
  const code = getSystemErrorName(outcome);
  return Object.assign(new Error(`${code}: read`), { code, errno: outcome, syscall: 'read' });
}
