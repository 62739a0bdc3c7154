import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8's young generation at the 2 MB it starts with, instead of letting it grow to 64 MB: the buffers of
 * bodies that pass through hang on objects in it, and are freed only when it is collected. A maximum
 * (--max-semi-space-size) would be too late for a process that runs already.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
