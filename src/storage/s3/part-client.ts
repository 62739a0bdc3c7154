import {
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CreateMultipartUploadCommandOutput,
  type S3Client,
  type UploadPartCommandOutput,
} from '@aws-sdk/client-s3';
import { crc32 } from 'node:zlib';
import { statusOf } from './errors.ts';
import { wireWritten, type S3Bucket } from './bucket.ts';

/** The statuses with which a server rejects an unknown header or algorithm. */
const UNSUPPORTED = [400, 501];
const CRC_HEADER = 'x-amz-checksum-crc32';

/**
 * Wraps the client for one upload by lib-storage. It differs from the client in three ways:
 *
 * - `onFailure` is called as soon as a request fails, not when all other requests are done.
 * - If the server says that it checks CRC-32, each part is sent with a CRC-32 and without a SHA-256. The SHA-256
 *   costs both sides more than the rest of the transfer. Other servers get the SHA-256.
 * - The memory of a stored part is freed. The library joins each part anew, and some 64 MB of them accumulate
 *   otherwise.
 */
export function partClient(s3: S3Bucket, onFailure: (error: unknown) => void): S3Client {
  const parts = new PartSender(s3);
  return new Proxy(s3.client, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'send' || typeof value !== 'function') return value;
      return async (command: unknown): Promise<unknown> => {
        try {
          if (command instanceof CreateMultipartUploadCommand) return await parts.create(command);
          if (command instanceof UploadPartCommand) return await parts.send(command);
          return await Reflect.apply(value, target, [command]);
        } catch (error) {
          onFailure(error);
          throw error;
        }
      };
    },
  });
}

interface PartMemory {
  readonly memory: ArrayBufferLike;
  stored: boolean;
}

class PartSender {
  readonly #s3: S3Bucket;
  /** True if the server checks the CRC-32s of this upload. */
  #checked = false;
  /** The memory of parts that are being sent or stored, by part number. */
  readonly #memories = new Map<number, PartMemory>();

  constructor(s3: S3Bucket) {
    this.#s3 = s3;
  }

  async create(command: CreateMultipartUploadCommand): Promise<CreateMultipartUploadCommandOutput> {
    const { client } = this.#s3;
    try {
      const input = { ...command.input, ChecksumAlgorithm: 'CRC32' } as const;
      const response = await client.send(new CreateMultipartUploadCommand(input));
      this.#checked = response.ChecksumAlgorithm === 'CRC32';
      return response;
    } catch (error) {
      if (!UNSUPPORTED.includes(statusOf(error) ?? 0)) throw error;
      return client.send(command);
    }
  }

  async send(command: UploadPartCommand): Promise<UploadPartCommandOutput> {
    const { input } = command;
    const { Body: body, PartNumber: number } = input;
    if (!(body instanceof Uint8Array) || number === undefined) {
      return this.#s3.client.send(command);
    }
    const part: PartMemory = { memory: body.buffer, stored: false };
    this.#memories.set(number, part);
    this.#releaseStored();
    const sum = this.#checked ? encodedCrc32(body) : undefined;
    const sent = await this.#sendOnWire(input, body, sum);
    if (sent !== undefined) {
      part.stored = true;
      this.#releaseStored();
      return sent;
    }
    this.#memories.delete(number);
    // The failed request may still be sending from this memory, so it is not freed here but garbage-collected.
    const checksum = sum === undefined ? {} : { ChecksumCRC32: sum };
    return this.#s3.client.send(new UploadPartCommand({ ...input, ...checksum }));
  }

  /**
   * Frees the memory of stored parts, except the last part: the library still has to copy the bytes after it to
   * the next.
   */
  #releaseStored(): void {
    const last = Math.max(...this.#memories.keys());
    for (const [number, { memory, stored }] of this.#memories) {
      if (!stored || number === last) continue;
      this.#memories.delete(number);
      // The last part of an upload may share its memory with the part before it.
      const shared = [...this.#memories.values()].some((other) => other.memory === memory);
      if (!shared) release(memory);
    }
  }

  /** Sends a part without the SDK's layers. Undefined if the SDK has to send the part, with its SHA-256. */
  async #sendOnWire(
    { Key: key, PartNumber: number, UploadId: uploadId }: UploadPartCommand['input'],
    body: Uint8Array,
    sum: string | undefined,
  ): Promise<UploadPartCommandOutput | undefined> {
    if (key === undefined || number === undefined || uploadId === undefined) return undefined;
    const sent = await this.#s3.wire.send({
      operation: 'UploadPart',
      key,
      query: { partNumber: String(number), uploadId },
      body,
      headers: sum === undefined ? {} : { [CRC_HEADER]: sum },
      ...(sum !== undefined && { sha256: 'UNSIGNED-PAYLOAD' }),
    });
    if (sent === undefined) return undefined;
    const { ETag } = wireWritten(sent);
    // A server that does not return the sum did not check it.
    if (sum !== undefined && sent.headers[CRC_HEADER] !== sum) return undefined;
    if (ETag === undefined) return undefined;
    return { ETag, ...(sum !== undefined && { ChecksumCRC32: sum }), $metadata: {} };
  }
}

function encodedCrc32(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}

function release(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer && !memory.detached) memory.transfer(0);
}
