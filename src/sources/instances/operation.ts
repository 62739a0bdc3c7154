import { memberOf, textOf } from '../../json/is-object.ts';
import { call, InstanceServerError, path, type ServerAddress } from './connection.ts';

/** How something ended that the server does by itself once it is asked to. */
export type Ending =
  | { readonly kind: 'done'; readonly metadata: unknown }
  /** `reason` in the server's words. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Asks for something that takes a while; gives the operation's id. */
export async function begin(
  address: ServerAddress,
  method: 'POST' | 'DELETE',
  target: string,
  body?: object,
): Promise<string> {
  // With no signal: what is asked for may be begun, and without its id nobody could undo it.
  const id = textOf(await call(address, method, target, body ? { body } : {}), 'id');
  if (id) return id;
  throw new InstanceServerError(
    'the source answers with no operation; is it an LXD or Incus server?',
  );
}

/** Waits for an operation's end. Rejects only when the server cannot be asked, or the signal ends the wait. */
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
