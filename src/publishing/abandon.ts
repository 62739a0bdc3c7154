import type { VersionReservation } from './reservation.ts';
import { errorText } from '../log/error-text.ts';
import { LeftBehindError } from '../sources/instances/left-behind.ts';

/**
 * Deletes what a failed upload stored. Then rejects with `error`, or with the signal's reason when the signal is
 * aborted; then nothing is left. If deleting fails, rejects with that failure.
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
