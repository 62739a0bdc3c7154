import { memberOf, textOf } from '../../json/is-object.ts';
import { call, InstanceServerError, path, type ServerAddress } from './connection.ts';

/** The result of an operation that the server runs in the background. */
export type Ending =
  | { readonly kind: 'done'; readonly metadata: unknown }
  /** `reason` is the server's message. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Starts an operation and returns its id. */
export async function begin(
  address: ServerAddress,
  method: 'POST' | 'DELETE',
  target: string,
  body?: object,
): Promise<string> {
  // No signal here: the server may have started the operation, and without its id it cannot be undone.
  const id = textOf(await call(address, method, target, body ? { body } : {}), 'id');
  if (id) return id;
  throw new InstanceServerError(
    'the source answers with no operation; is it an LXD or Incus server?',
  );
}

/**
 * Waits for the end of an operation. Rejects only when the request fails without a response, or the signal aborts.
 */
export async function endOf(
  address: ServerAddress,
  id: string,
  query: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Ending> {
  const target = path(['operations', id, 'wait'], query);
  try {
    const operation = await call(address, 'GET', target, { signal, patient: true });
    const reason = textOf(operation, 'err');
    if (reason) return { kind: 'failed', reason };
    return { kind: 'done', metadata: memberOf(operation, 'metadata') };
  } catch (error) {
    if (!(error instanceof InstanceServerError) || error.status === undefined) throw error;
    return { kind: 'failed', reason: error.message };
  }
}
