import type { Verdict, Version } from '../../catalog/document.ts';
import { missingReads, type MissingRead } from '../../catalog/missing-reads.ts';
import { isMetadataFile, type Client, type MetadataFile } from '../../images/file-kinds.ts';
import { versionPrefix, type VersionRef } from '../../images/layout.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag } from '../../storage/object-store.ts';
import type { PipelineContext } from '../context.ts';
import { digest } from '../digest.ts';
import { readBytes } from '../read-bytes.ts';
import type { ReadBudget } from './read-budget.ts';

/** Metadata is held in memory while its roots are read. Real metadata has some kilobytes. */
export const METADATA_LIMIT = 16 * 1024 * 1024;

/** How the read of a version's bytes ended. The digests are in the context's memory. */
export type ReadOutcome =
  /** All is read, or the problem is stored as a verdict, or the files have changed: look again. */
  | { readonly kind: 'look' }
  /** Retry later: there is not enough time left, or the store failed. */
  | { readonly kind: 'later'; readonly reason: string };

/**
 * Reads the missing bytes of a version, each byte once. Every read is pinned to the ETag that was seen.
 * `version` is the result of merging the last look.
 */
export async function readVersion(
  context: PipelineContext,
  ref: VersionRef,
  version: Version,
  clients: readonly Client[],
  budget: ReadBudget,
  signal?: AbortSignal,
): Promise<ReadOutcome> {
  const prefix = versionPrefix(ref);
  const metadata = new Map<MetadataFile, Uint8Array>();
  let { verdict } = version;
  const reject = (file: string, reason: string) => {
    verdict = withRejected(verdict, file, version.files[file]?.etag, reason);
    if (verdict !== undefined) context.memory.rememberVerdict(prefix, verdict);
  };
  const missing = missingReads(version, clients);
  context.hasher.prepare(Math.max(0, ...missing.map(({ size }) => size)));
  for (const due of missing) {
    const problem = problemOf(due, budget);
    if (problem !== undefined) {
      reject(due.file, problem);
      continue;
    }
    // Metadata is read first. A root gets no digest with rejected metadata.
    const usable = due.metadata.filter((name) => !Object.hasOwn(verdict?.etags ?? {}, name));
    if (due.metadata.length > 0 && usable.length === 0) continue;
    const read = { ...due, metadata: usable };
    if (!budget.fits(read.size)) return { kind: 'later', reason: 'no time left to read its bytes' };
    try {
      for (const name of [...read.metadata, ...(isMetadata(read) ? [read.file] : [])]) {
        if (!metadata.has(name))
          metadata.set(name, await readMetadata(context, prefix, version, name));
      }
      if (!isMetadata(read)) {
        await readContent(context, prefix, version, read, metadata, budget, signal);
      }
    } catch (error) {
      if (signal?.aborted) return { kind: 'later', reason: 'it was interrupted' };
      if (isStoreError(error, 'precondition_failed', 'not_found')) return { kind: 'look' };
      if (isStoreError(error, 'access_denied')) {
        reject(read.file, `${read.file} cannot be read: ${error.message}`);
        continue;
      }
      if (isStoreError(error)) {
        context.log('warn', 'a read failed', { key: prefix + read.file, error: error.message });
        return { kind: 'later', reason: error.message };
      }
      throw error;
    }
  }
  return { kind: 'look' };
}

function problemOf(read: MissingRead, budget: ReadBudget): string | undefined {
  if (read.size >= Number.MAX_SAFE_INTEGER)
    return `${read.file} is larger than any client can count`;
  if (isMetadata(read) && read.size > METADATA_LIMIT) {
    return `${read.file} has ${read.size} bytes; metadata of more than ${METADATA_LIMIT} is refused`;
  }
  if (!budget.everFits(read.size)) {
    return `${read.file} is too large for the function (${read.size} bytes); run bucketstreams update`;
  }
  return undefined;
}

/** Adds a file to a verdict. The verdict holds only while all its files stay as they are. */
function withRejected(
  before: Verdict | undefined,
  file: string,
  etag: ETag | undefined,
  reason: string,
): Verdict | undefined {
  if (etag === undefined) return before;
  if (before === undefined) return { reason, etags: { [file]: etag } };
  const known = before.reason.includes(reason);
  return {
    reason: known ? before.reason : `${before.reason}; ${reason}`,
    etags: { ...before.etags, [file]: etag },
  };
}

async function readMetadata(
  context: PipelineContext,
  prefix: string,
  { files }: Version,
  name: MetadataFile,
): Promise<Uint8Array> {
  const file = files[name];
  if (file === undefined) throw new Error(`${prefix}${name} is to be read but was not seen`);
  const bytes = await readBytes(context.store, prefix + name, {
    ifMatch: file.etag,
    limit: METADATA_LIMIT,
  });
  const { sha256 } = await digest(context, one(bytes), []);
  context.memory.remember(prefix + name, file, sha256);
  return bytes;
}

async function readContent(
  context: PipelineContext,
  prefix: string,
  { files }: Version,
  read: MissingRead,
  metadata: ReadonlyMap<MetadataFile, Uint8Array>,
  budget: ReadBudget,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = files[read.file];
  if (file === undefined) throw new Error(`${prefix}${read.file} is to be read but was not seen`);
  const { store, memory, log } = context;
  const key = prefix + read.file;
  const finished = budget.start(file.size);
  const body = await store.read(key, { ifMatch: file.etag, signal });
  const prefixes = read.metadata.map((name) => metadata.get(name) ?? new Uint8Array());
  const pass = await digest(context, body.stream, prefixes);
  finished();
  memory.remember(key, file, pass.sha256);
  for (const [index, name] of read.metadata.entries()) {
    const seen = files[name];
    const sha256 = pass.prefixed[index];
    if (seen === undefined || sha256 === undefined) continue;
    memory.rememberCombined(key, file, prefix + name, seen, sha256);
  }
  log('info', 'read', { key, etag: file.etag, bytes: pass.size, sha256: pass.sha256 });
}

function isMetadata(read: MissingRead): read is MissingRead & { readonly file: MetadataFile } {
  return isMetadataFile(read.file);
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
