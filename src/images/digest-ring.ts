/**
 * The memory that the hasher's threads share. It holds LANES rings, one a stream; each ring has SLOTS slots.
 * One writer (the calling thread) fills slots; every worker reads every slot, in order, and then moves its
 * own tail on. A slot may be filled again once all tails are past it, which is the back pressure.
 *
 * Everything a worker has to know travels through the ring, so nothing has to be cleaned up when a stream
 * breaks off: the next one on the lane starts with BEGIN.
 */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

/** Streams hashed at the same time. A lane that is never used costs address space only. */
export const LANES = 4;
export const WORKERS = 2;
export const SLOTS = 4;
/** Three threads share two processors as a rule: 1 MiB costs some 5 % of the time in wake-ups. */
export const SLOT_BYTES = 4 * 1024 * 1024;

/** A slot's target: start anew with as many hashes as its length says. */
export const BEGIN = -1;
/** A slot's target: its bytes go into every hash. A target from 0 on: into that hash only. */
export const EVERY_HASH = -2;
/** A slot's target: put each hash's digest into the slot, at DIGEST_BYTES times its number. */
export const FINISH = -3;

export const DIGEST_BYTES = 32;
export const MAX_HASHES = SLOT_BYTES / DIGEST_BYTES;

/** Word 0 changes whenever a slot was filled on any lane; idle workers sleep on it. */
export const WAKE = 0;
const LANE_WORDS = 1 + WORKERS + 2 * SLOTS;
const CONTROL_WORDS = 1 + LANES * LANE_WORDS;

export function createRingMemory(): RingMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT),
    data: new SharedArrayBuffer(LANES * SLOTS * SLOT_BYTES),
  };
}

/** The index of the control word that counts the slots filled on this lane since the start. */
export function headOf(lane: number): number {
  return 1 + lane * LANE_WORDS;
}

/** The index of the control word that counts the slots this worker is done with. */
export function tailOf(lane: number, worker: number): number {
  return headOf(lane) + 1 + worker;
}

/** The index of the two control words that tell the slot's target and its length in bytes. */
export function headerOf(lane: number, count: number): number {
  return headOf(lane) + 1 + WORKERS + 2 * slotOf(count);
}

/** The memory of the slot that is filled as the `count`th on its lane. */
export function slotBytes(data: SharedArrayBuffer, lane: number, count: number): Uint8Array {
  return new Uint8Array(data, (lane * SLOTS + slotOf(count)) * SLOT_BYTES, SLOT_BYTES);
}

/** Counts wrap at 2^32 as control words do; SLOTS divides that. */
function slotOf(count: number): number {
  return (count >>> 0) % SLOTS;
}
