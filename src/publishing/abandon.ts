import type { VersionReservation } from './reservation.ts';
import { errorText } from '../log/error-text.ts';
import { LeftBehindError } from '../sources/instances/left-behind.ts';

/**
 * Takes away what an upload stored that ended with `error`, and rejects with that, or with the reason of its
 * signal when that ended it: nothing is left then.
 */
export async function abandoned(
  reservation: VersionReservation | undefined,
  error: unknown,
  signal: AbortSignal | undefined,
): Promise<never> {
  const stopped = signal?.aborted === true;
  try {
    await reservation?.abandon();
  } catch (left) {
    if (!stopped) throw left;
    throw new LeftBehindError(
      `not all that was stored of it could be removed: ${errorText(left)}`,
      {
        cause: left,
      },
    );
  }
  throw stopped ? signal.reason : error;
}
