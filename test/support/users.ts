const NOBODY = 65_534;

/**
 * Runs `work` without the power to read what it may not: as user nobody when the tests run as root, who
 * is refused nothing, else as who we are. The whole process changes its user meanwhile.
 */
export async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.setegid?.(NOBODY);
  process.seteuid?.(NOBODY);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
