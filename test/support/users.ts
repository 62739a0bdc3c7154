const NOBODY = 65_534;

/**
 * Runs `work` without the right to read what is denied. When the tests run as root, which is never
 * denied, it runs as user nobody; otherwise as the current user. The whole process has the other
 * user meanwhile.
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
