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

/** What a server says to a header or an algorithm that it does not have. */
const NOT_HAD = [400, 501];
const CRC_HEADER = 'x-amz-checksum-crc32';

/**
 * The client for one upload by lib-storage, with three differences. A failed request is told of at once,
 * not when all other work is done. A server that says it checks CRC-32s gets one with each part and no
 * SHA-256, which costs both sides more than the rest of the sending; another gets the SHA-256. And the memory
 * of a part that is stored is given back: joined anew each, some 64 MB of them else gather.
 */
export function partClient(place: S3Bucket, onFailure: (error: unknown) => void): S3Client {
  const parts = new PartSender(place);
  return new Proxy(place.client, {
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

interface HeldMemory {
  readonly memory: ArrayBufferLike;
  stored: boolean;
}

class PartSender {
  readonly #place: S3Bucket;
  /** Whether the server checks the CRC-32s of this upload. */
  #checked = false;
  /** By part numbers, of parts that are on their way or stored. */
  readonly #held = new Map<number, HeldMemory>();

  constructor(place: S3Bucket) {
    this.#place = place;
  }

  async create(command: CreateMultipartUploadCommand): Promise<CreateMultipartUploadCommandOutput> {
    const { client } = this.#place;
    try {
      const input = { ...command.input, ChecksumAlgorithm: 'CRC32' } as const;
      const answer = await client.send(new CreateMultipartUploadCommand(input));
      this.#checked = answer.ChecksumAlgorithm === 'CRC32';
      return answer;
    } catch (error) {
      if (!NOT_HAD.includes(statusOf(error) ?? 0)) throw error;
      return client.send(command);
    }
  }

  async send(command: UploadPartCommand): Promise<UploadPartCommandOutput> {
    const { input } = command;
    const { Body: body, PartNumber: number } = input;
    if (!(body instanceof Uint8Array) || number === undefined) {
      return this.#place.client.send(command);
    }
    const held: HeldMemory = { memory: body.buffer, stored: false };
    this.#held.set(number, held);
    this.#releaseStored();
    const sum = this.#checked ? encodedCrc32(body) : undefined;
    const sent = await this.#sendPast(input, body, sum);
    if (sent !== undefined) {
      held.stored = true;
      this.#releaseStored();
      return sent;
    }
    this.#held.delete(number);
    // What was sent before in vain may still be on its way out of this memory, which is left to the collector.
    const checksum = sum === undefined ? {} : { ChecksumCRC32: sum };
    return this.#place.client.send(new UploadPartCommand({ ...input, ...checksum }));
  }

  /** Gives back the memory of stored parts, but for the last: the rest behind that is yet to be joined to the next. */
  #releaseStored(): void {
    const last = Math.max(...this.#held.keys());
    for (const [number, { memory, stored }] of this.#held) {
      if (!stored || number === last) continue;
      this.#held.delete(number);
      // The last of all may be no more than the rest of the one before.
      const shared = [...this.#held.values()].some((other) => other.memory === memory);
      if (!shared) release(memory);
    }
  }

  /** Sends a part without the SDK's layers. Undefined where it is the SDK's to send, with its SHA-256. */
  async #sendPast(
    { Key: key, PartNumber: number, UploadId: uploadId }: UploadPartCommand['input'],
    body: Uint8Array,
    sum: string | undefined,
  ): Promise<UploadPartCommandOutput | undefined> {
    if (key === undefined || number === undefined || uploadId === undefined) return undefined;
    const sent = await this.#place.wire.send({
      operation: 'UploadPart',
      key,
      query: { partNumber: String(number), uploadId },
      body,
      headers: sum === undefined ? {} : { [CRC_HEADER]: sum },
      ...(sum !== undefined && { sha256: 'UNSIGNED-PAYLOAD' }),
    });
    if (sent === undefined) return undefined;
    const { ETag } = wireWritten(sent);
    // One that does not repeat the sum has not looked at it.
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
