/**
 * The memory that the hasher's threads share. It holds LANES rings, one for each stream. Each ring has SLOTS
 * slots.
 *
 * - The calling thread fills slots. Every worker processes every slot in order, and then advances its own tail.
 * - A slot may be filled again when all tails are past it. This gives back pressure.
 * - If a file is lent to the workers, each worker fills every WORKERS-th slot itself, by the same rules.
 *
 * A worker gets all its input through the ring. So a stream that ends early needs no cleanup: the next stream
 * on the lane starts with BEGIN.
 */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

/** How many streams are hashed at the same time. An unused lane costs only address space. */
export const LANES = 4;
export const WORKERS = 2;
/** A whole ring should fit into the processors' shared cache. Above about 4 MiB, all threads become slower. */
export const SLOTS = 8;
export const SLOT_BYTES = 512 * 1024;

/** A slot's target: start a new stream. The slot's length is the number of its hashes. */
export const BEGIN = -1;
/** A slot's target: update every hash with its bytes. A target from 0 on is the number of one hash to update. */
export const EVERY_HASH = -2;
/** A slot's target: put each hash's digest into the slot, at the hash's number times DIGEST_BYTES. */
export const FINISH = -3;
/** A slot's target: the next slots are bytes of a file. This slot contains the FileSpan. */
export const READ_FILE = -4;

export const DIGEST_BYTES = 32;
export const MAX_HASHES = SLOT_BYTES / DIGEST_BYTES;

/** Word 0 changes whenever a slot of any lane was filled or processed. Idle workers wait for that. */
export const WAKE = 0;
const LANE_WORDS = 3 * SLOTS + 2 * WORKERS + 2;
const CONTROL_WORDS = 1 + LANES * LANE_WORDS;

export function createRingMemory(): RingMemory {
  return {
    control: new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT),
    data: new SharedArrayBuffer(LANES * SLOTS * SLOT_BYTES),
  };
}

function laneStart(lane: number): number {
  return 1 + lane * LANE_WORDS;
}

/**
 * The index of the three control words of the slot that is filled as the `count`th on its lane: `count` + 1
 * as soon as it is filled, its target, and its length in bytes.
 */
export function headerOf(lane: number, count: number): number {
  return laneStart(lane) + 3 * slotOf(count);
}

/** The index of the control word that counts the slots that this worker has processed. */
export function tailOf(lane: number, worker: number): number {
  return laneStart(lane) + 3 * SLOTS + worker;
}

/** The index of the control word with the outcome of this worker's reads of a file. See READ_WELL. */
export function outcomeOf(lane: number, worker: number): number {
  return laneStart(lane) + 3 * SLOTS + WORKERS + worker;
}

/** The index of the control word with the tail that the calling thread waits for. */
export function awaitedOf(lane: number): number {
  return laneStart(lane) + 3 * SLOTS + 2 * WORKERS;
}

/** The index of the control word that is 1 when the workers shall stop reading the file. */
export function stopOf(lane: number): number {
  return laneStart(lane) + 3 * SLOTS + 2 * WORKERS + 1;
}

/** An outcome: every read succeeded. A negative outcome is the system's error number. */
export const READ_WELL = 0;
/** An outcome: the file ended before its span did. */
export const ENDED_EARLY = 1;

/** The memory of the slot that is filled as the `count`th on its lane. */
export function slotBytes(data: SharedArrayBuffer, lane: number, count: number): Uint8Array {
  return new Uint8Array(data, (lane * SLOTS + slotOf(count)) * SLOT_BYTES, SLOT_BYTES);
}

/** Counts wrap at 2^32, like control words. SLOTS divides 2^32, so the slots stay in order. */
function slotOf(count: number): number {
  return (count >>> 0) % SLOTS;
}

/** Bytes of an open file: inclusive `start`, exclusive `end`. */
export interface FileSpan {
  readonly fd: number;
  readonly start: number;
  readonly end: number;
}

/** How many slots the span fills; only the last one may be short. */
export function slotsOf({ start, end }: FileSpan): number {
  return Math.ceil((end - start) / SLOT_BYTES);
}

/** Puts the span at the start of a slot, and returns its length there in bytes. */
export function writeSpan(slot: Uint8Array, { fd, start, end }: FileSpan): number {
  const fields = Float64Array.of(fd, start, end);
  slot.set(new Uint8Array(fields.buffer));
  return fields.byteLength;
}

export function readSpan(written: Uint8Array): FileSpan {
  const [fd = -1, start = 0, end = 0] = new Float64Array(Uint8Array.from(written).buffer);
  return { fd, start, end };
}
