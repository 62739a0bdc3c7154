import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';

import {
  DEFAULT_METADATA,
  DEFAULT_UNIFIED,
  fileKind,
  METADATA_FILES,
  rootFile,
  UNIFIED_FILES,
} from '../images/file-kinds.ts';
import {
  HEAD_LENGTH,
  NO_FORMAT,
  sniff,
  type Compression,
  type Signature,
} from '../images/formats.ts';
import { CHECKSUMS_FILE } from '../images/layout.ts';
import { openMachineArchive } from '../archives/machine-archive.ts';
import { tarContents } from '../archives/image-archive.ts';
import { imageFault } from '../archives/image-error.ts';
import { eachChunk, oneChunk, opening, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import { errorText } from '../log/error-text.ts';

export interface RecognisedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The file name in the store: a name of the table in images/file-kinds.ts. */
  readonly name: string;
  readonly kind: 'metadata' | 'root' | 'unified' | 'checksums';
  /** The text of `metadata.yaml`. Absent when the file has none, or cannot be read here. */
  readonly metadata?: string;
  /** Opens the file at its beginning. The stream fails when the signal is aborted. */
  open(signal?: AbortSignal): BorrowedChunks;
}

/** This file is not part of an image. `message` is complete for a person. */
export class UnrecognisedFileError extends Error {
  override readonly name = 'UnrecognisedFileError';
}

/**
 * Recognises the files of one version by their bytes, and SHA256SUMS by its name. A file keeps its name when the
 * table has that name for its kind. A virtual machine in one file becomes two files: its metadata and its disk.
 * Rejects with UnrecognisedFileError.
 */
export async function recogniseFiles(paths: readonly string[]): Promise<RecognisedFile[]> {
  const files: RecognisedFile[] = [];
  for (const path of paths) files.push(...(await recognise(path)));
  for (const [index, { name, path }] of files.entries()) {
    const rival = files.slice(0, index).find((file) => file.name === name);
    if (rival) {
      throw new UnrecognisedFileError(
        `${rival.path} and ${path} are both a ${name}; publish them as two versions or leave one out`,
      );
    }
  }
  return files;
}

async function recognise(path: string): Promise<RecognisedFile[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw new UnrecognisedFileError(`${path} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  });
  if (!info.isFile()) throw new UnrecognisedFileError(`${path} is no file`);
  if (info.size === 0) throw new UnrecognisedFileError(`${path} is empty`);
  const given = basename(path);
  const file = { path, size: info.size, open: reader(path) };
  if (given === CHECKSUMS_FILE) return [{ ...file, name: given, kind: 'checksums' }];
  const identity = await identify(path, given, sniff(await headOf(path)));
  return 'name' in identity ? [{ ...file, ...identity }] : identity.parts;
}

function reader(path: string): (signal?: AbortSignal) => BorrowedChunks {
  const stream = (signal?: AbortSignal) =>
    createReadStream(path, { highWaterMark: 1024 * 1024, signal });
  return (signal) => opening(() => Promise.resolve({ body: stream(signal) }));
}

type Identity = Pick<RecognisedFile, 'name' | 'kind' | 'metadata'>;

async function identify(
  path: string,
  given: string,
  signature: Signature,
): Promise<Identity | { readonly parts: RecognisedFile[] }> {
  switch (signature.kind) {
    case 'root':
      return { name: rootFile(signature.format, given), kind: 'root' };
    case 'closed':
      return byName(path, given, `it is compressed by ${signature.name}`);
    case 'unknown':
      throw new UnrecognisedFileError(
        `${path} is ${NO_FORMAT}: by its bytes it is no file of an image`,
      );
    case 'tar':
      break;
  }
  try {
    const contents = await tarContents(createReadStream(path), signature.compression, {
      held: true,
    });
    if (contents.kind === 'machine') return { parts: await machineParts(path, signature) };
    return contents.kind === 'root'
      ? { name: rootFile('tar', given), kind: 'root' }
      : { name: archiveName(given, contents.kind), ...contents };
  } catch (error) {
    const fault = imageFault(error, (reason) => reason);
    if (!fault) throw error;
    if (fault.code === 'undecodable') return byName(path, given, fault.message);
    throw new UnrecognisedFileError(`${path} is no archive of an image: ${fault.message}`, {
      cause: error,
    });
  }
}

/**
 * Returns the disk of a virtual machine's archive, and a metadata file with all other entries. Those may follow
 * the disk, so the whole archive is read.
 */
async function machineParts(
  path: string,
  { compression }: { readonly compression: Compression },
): Promise<RecognisedFile[]> {
  const read = reader(path);
  const open = (signal?: AbortSignal) => openMachineArchive(read(signal), compression);
  const archive = await open();
  try {
    await eachChunk(archive.disk(), () => undefined);
  } finally {
    archive.close();
  }
  const metadataFile = archive.metadataFile();
  return [
    {
      path,
      name: DEFAULT_METADATA,
      kind: 'metadata',
      size: metadataFile.length,
      open: () => oneChunk(metadataFile),
    },
    {
      path,
      name: rootFile('qcow2'),
      kind: 'root',
      size: archive.diskSize,
      open: (signal) =>
        opening(async () => {
          const again = await open(signal);
          return { body: again.disk(), close: () => again.close() };
        }),
    },
  ];
}

/**
 * Accepts the user's file name for a file that cannot be read here, although clients may be able to. The name must
 * be in the table.
 */
function byName(path: string, given: string, why: string): Identity {
  const kind = fileKind(given)?.kind;
  if (kind === 'metadata' || kind === 'unified' || kind === 'root') return { name: given, kind };
  throw new UnrecognisedFileError(
    `${path} cannot be looked into (${why}); name it as it should be stored (${DEFAULT_METADATA}, ${rootFile('tar')} or ${DEFAULT_UNIFIED}), or compress it by xz, gzip or zstd`,
  );
}

/** Returns the file name for an archive with metadata, alone or with its root. */
function archiveName(given: string, kind: 'metadata' | 'unified'): string {
  // Either name works for both clients, as long as the version has no other file of that kind.
  const names: readonly string[] = kind === 'metadata' ? METADATA_FILES : UNIFIED_FILES;
  return names.includes(given) ? given : (names[0] ?? given);
}

async function headOf(path: string): Promise<Uint8Array> {
  const handle = await open(path).catch((error: unknown) => {
    throw new UnrecognisedFileError(`${path} cannot be read: ${errorText(error)}`, {
      cause: error,
    });
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_LENGTH), 0, HEAD_LENGTH, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
