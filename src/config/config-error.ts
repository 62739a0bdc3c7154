/** A configuration cannot be used. `message` says in one line where the problem is, what it is, and the remedy. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  /** Counted from 1; absent if the problem is about the whole file. */
  readonly line: number | undefined;
  /** With dots, as in `mirrors.paris.store`; empty if the problem is about no key. */
  readonly key: string;

  constructor(
    at: { readonly file: string; readonly line?: number; readonly key?: string },
    problem: string,
    remedy: string,
    options: { readonly cause?: unknown } = {},
  ) {
    const position = at.line === undefined ? at.file : `${at.file}:${at.line}`;
    const key = at.key ?? '';
    super(`${position}: ${key && `${key}: `}${problem}; ${remedy}`, options);
    this.file = at.file;
    this.line = at.line;
    this.key = key;
  }
}
