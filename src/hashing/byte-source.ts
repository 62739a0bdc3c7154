/** A body that can put its next bytes straight into memory of the reader's choice. */
interface DirectBody extends AsyncIterable<Uint8Array> {
  readInto(buffer: Uint8Array): Promise<number>;
  destroy?(): unknown;
}

/** A stream of bytes, pulled into the reader's own memory. */
export interface ByteSource {
  /** Fills `buffer` from its start; fewer bytes than fit are the last ones. Rejects with the body's error. */
  fill(buffer: Uint8Array): Promise<number>;
  /** Tells the body that nobody reads on. Harmless after its end. */
  close(): Promise<void>;
}

/**
 * Reads `body` with one copy, or with none where it offers `readInto` (see ObjectBody in the storage port):
 * at several GB/s that copy and the fresh memory of each chunk cost as much as a digest.
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
    open = false; // an iterator that throws is done
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
