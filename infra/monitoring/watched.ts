import type { Delivery } from '../edge/distribution.ts';
import type { FanOut } from '../fan-out.ts';
import type { ImageEvents } from '../image-events.ts';
import type { Indexing } from '../indexing.ts';

export interface Watched {
  readonly events: ImageEvents;
  readonly indexing: Indexing;
  readonly fanOuts: readonly FanOut[];
  readonly delivery: Delivery;
}
