/** Starts to report changes; resolves when those from now on are seen. */
export type ChangeSource = (
  dirty: (prefixes: Iterable<string>) => void,
) => Promise<{ close(): Promise<void> }>;
