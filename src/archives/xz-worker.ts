import { parentPort } from 'node:worker_threads';

import { xzStream } from './xz-stream.ts';
import { errorText } from '../log/error-text.ts';

/** Messages to the thread: permission for one more chunk, the requested input, or the end of the input. */
export type XzRequest =
  | { readonly kind: 'next' }
  | { readonly kind: 'input'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' };

/** Messages from the thread. None follows `done` or `fault`. */
export type XzResponse =
  | { readonly kind: 'wanted' }
  | { readonly kind: 'output'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'done' }
  | { readonly kind: 'fault'; readonly message: string };

/** Bytes of an output chunk. The decoder yields 64 KiB at a time. */
const OUTPUT = 1024 * 1024;

if (!parentPort) throw new Error('this module is a thread of its own');
const port = parentPort;
/** Resolved when the reader wants output. The decoder reads ahead, so it may ask for input before that. */
let turn = Promise.withResolvers<undefined>();
let given = Promise.withResolvers<Uint8Array | undefined>();

port.on('message', (request: XzRequest) => {
  if (request.kind === 'next') turn.resolve(undefined);
  else given.resolve(request.kind === 'input' ? request.bytes : undefined);
});

async function wanted(): Promise<void> {
  await turn.promise;
  turn = Promise.withResolvers();
}

function send(message: XzResponse, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

async function* input(): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    send({ kind: 'wanted' });
    const bytes = await given.promise;
    given = Promise.withResolvers();
    if (bytes === undefined) return;
    yield bytes;
  }
}

/** Joins the decoder's pieces into larger chunks. The last chunk may be shorter. */
async function* output(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  let gathered = new Uint8Array(OUTPUT);
  let length = 0;
  for await (const piece of xzStream(input())) {
    if (length + piece.length > OUTPUT) {
      yield gathered.subarray(0, length);
      gathered = new Uint8Array(OUTPUT);
      length = 0;
    }
    gathered.set(piece, length);
    length += piece.length;
  }
  if (length > 0) yield gathered.subarray(0, length);
}

try {
  await wanted();
  for await (const bytes of output()) {
    send({ kind: 'output', bytes }, [bytes.buffer]);
    await wanted();
  }
  send({ kind: 'done' });
} catch (error) {
  send({ kind: 'fault', message: errorText(error) });
}
port.close();
