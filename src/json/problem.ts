/** A document does not have the expected form. The message names the path of the first wrong value. */
export class DocumentProblem extends Error {
  override readonly name = 'DocumentProblem';
  /** For example `products["a:b:c:d"].versions`; empty for the document itself. */
  readonly path: string;
  /** The message after the path. */
  readonly problem: string;

  constructor(problem: string, path = '') {
    super(`${path || 'the document'}${problem}`);
    this.problem = problem;
    this.path = path;
  }
}

/** Throws the problem of a value with another type than expected. */
export function wrong(expected: string, value: unknown): never {
  throw new DocumentProblem(`: ${described(value)} where ${expected} belongs`);
}

/** Adds one step to the start of the problem's path. Returns other errors unchanged. */
export function within(error: unknown, step: string): unknown {
  if (!(error instanceof DocumentProblem)) return error;
  const { path, problem } = error;
  const joint = path === '' || path.startsWith('[') ? '' : '.';
  return new DocumentProblem(problem, `${step}${joint}${path}`);
}

function described(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? 'a string' : JSON.stringify(value);
}
