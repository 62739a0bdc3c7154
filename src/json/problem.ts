/** A document has another form than it must have. The message names the first wrong value by its path. */
export class DocumentProblem extends Error {
  override readonly name = 'DocumentProblem';
  /** `products["a:b:c:d"].versions`; empty for the document itself. */
  readonly path: string;
  /** What follows the path in the message. */
  readonly problem: string;

  constructor(problem: string, path = '') {
    super(`${path || 'the document'}${problem}`);
    this.problem = problem;
    this.path = path;
  }
}

/** Throws the problem of a value that is not of the expected type. */
export function wrong(expected: string, value: unknown): never {
  throw new DocumentProblem(`: ${described(value)} where ${expected} belongs`);
}

/** The same error seen from one level higher. Other errors are returned as they are. */
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
