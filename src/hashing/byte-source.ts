/** A body that can put its next bytes directly into the reader's memory. */
interface DirectBody extends AsyncIterable<Uint8Array> {
  readInto(buffer: Uint8Array): Promise<number>;
  destroy?(): unknown;
}

/** A stream of bytes that the reader pulls into its own memory. */
export interface ByteSource {
  /**
   * Fills `buffer` from its start. Resolves to the number of bytes; a buffer that is not full has the last
   * bytes. Rejects with the body's error.
   */
  fill(buffer: Uint8Array): Promise<number>;
  /** Closes the body before its end. Does nothing after its end. */
  close(): Promise<void>;
}

/**
 * Reads `body` with one copy, or without a copy if it has `readInto` (see ObjectBody in the storage port). At
 * several GB/s, the copy and the fresh memory of each chunk cost as much as a digest.
 */
export function byteSource(body: AsyncIterable<Uint8Array>): ByteSource {
  return isDirect(body) ? directSource(body) : copyingSource(body);
}

function isDirect(body: AsyncIterable<Uint8Array>): body is DirectBody {
  return 'readInto' in body && typeof body.readInto === 'function';
}

function directSource(body: DirectBody): ByteSource {
  return {
    async fill(buffer) {
      let filled = 0;
      while (filled < buffer.byteLength) {
        const read = await body.readInto(buffer.subarray(filled));
        if (read === 0) break;
        filled += read;
      }
      return filled;
    },
    close: () => {
      body.destroy?.();
      return Promise.resolve();
    },
  };
}

function copyingSource(body: AsyncIterable<Uint8Array>): ByteSource {
  const iterator = body[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array();
  let open = true;

  async function nextChunk(): Promise<boolean> {
    open = false; // An iterator that throws has ended.
    const next = await iterator.next();
    open = next.done !== true;
    if (next.done !== true) chunk = next.value;
    return open;
  }

  return {
    async fill(buffer) {
      let filled = 0;
      while (filled < buffer.byteLength) {
        if (chunk.byteLength === 0) {
          if (!open || !(await nextChunk())) break;
          continue;
        }
        const part = chunk.subarray(0, buffer.byteLength - filled);
        buffer.set(part, filled);
        filled += part.byteLength;
        chunk = chunk.subarray(part.byteLength);
      }
      return filled;
    },
    async close() {
      if (open) await iterator.return?.();
      open = false;
    },
  };
}
