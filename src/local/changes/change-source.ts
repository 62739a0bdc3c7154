/** Starts to report changes. Resolves when later changes cannot be missed. */
export type ChangeSource = (
  dirty: (prefixes: Iterable<string>) => void,
) => Promise<{ close(): Promise<void> }>;
