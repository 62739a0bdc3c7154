/** A configuration that cannot be used. `message` says where, what and how to mend it, in one line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  /** Counted from 1; absent when the file as a whole is meant. */
  readonly line: number | undefined;
  /** Dotted, as in `mirrors.paris.store`; empty when no key is meant. */
  readonly key: string;

  constructor(
    at: { readonly file: string; readonly line?: number; readonly key?: string },
    problem: string,
    remedy: string,
    options: { readonly cause?: unknown } = {},
  ) {
    const place = at.line === undefined ? at.file : `${at.file}:${at.line}`;
    const key = at.key ?? '';
    super(`${place}: ${key && `${key}: `}${problem}; ${remedy}`, options);
    this.file = at.file;
    this.line = at.line;
    this.key = key;
  }
}
