import type { Delivery } from '../edge/distribution.ts';
import type { FanOut } from '../workers/fan-out.ts';
import type { ImageEvents } from '../workers/image-events.ts';
import type { Indexing } from '../workers/indexing.ts';

export interface Watched {
  readonly events: ImageEvents;
  readonly indexing: Indexing;
  readonly fanOuts: readonly FanOut[];
  readonly delivery: Delivery;
}
