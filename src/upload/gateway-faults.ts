import { isStoreError, type StoreErrorCode } from '../storage/errors.ts';
import { GatewayError } from './gateway-answers.ts';
import type { Call } from './gateway-call.ts';

/** A fault as a client is told of it: nothing of where and how the store keeps things. */
export interface ClientFault {
  readonly status: number;
  readonly message: string;
}

/** Whoever asked went away before it was answered: nothing of what it asked for may come to be. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';

  constructor() {
    super('the connection ended before the answer; nothing was published');
  }
}

/** What of a store's fault a client can act on, or pass on to whoever runs the gateway. */
const STORE_FAULTS: Partial<Record<StoreErrorCode, string>> = {
  no_space: 'the store of the server is full; nothing was published',
  access_denied: 'the server is not allowed to write to its store; nothing was published',
  unavailable: 'the store of the server does not answer; try again in a while',
  conflict: 'somebody else wrote there at the same moment; try again',
  precondition_failed: 'somebody else wrote there at the same moment; try again',
};

export function clientFault(error: unknown): ClientFault {
  const name = error instanceof Error ? error.name : '';
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof GatewayError) return { status: error.status, message };
  if (error instanceof ClientGoneError) return { status: 408, message };
  if (name === 'MultipartError') return { status: 400, message };
  // What the source of a pull says, and its address, came from the client.
  if (name === 'InstanceServerError') return { status: 502, message };
  if (name === 'PlacementError') {
    return {
      status: 409,
      message: 'no version could be made of it: somebody else wrote there; try again',
    };
  }
  if (isStoreError(error)) {
    const known = STORE_FAULTS[error.code] ?? 'the store of the server failed';
    return { status: error.code === 'no_space' ? 507 : 500, message: known };
  }
  return { status: 500, message: 'the server failed; its log tells why' };
}

/** Whether a request failed for no other reason than that its sender is gone. */
export function senderIsGone({ request, gone }: Call, error: unknown): boolean {
  if (gone.aborted) return true;
  if (error instanceof GatewayError || isStoreError(error)) return false;
  return request.destroyed && !request.complete;
}
