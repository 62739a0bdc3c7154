import { BodyTooLargeError, wholeBody } from '../bytes/borrowed-chunks.ts';
import type { ProductsDocument, IndexDocument } from './documents.ts';
import { parseIndex, parseProducts, type Parsed } from './parse-documents.ts';
import type { PublicSource } from './public-source.ts';

/** A public list was fetched but cannot be used. `message` is complete for a person. */
export class ListError extends Error {
  override readonly name = 'ListError';
  /** `refused`: no client accepts it. */
  readonly code: 'too_large' | 'not_json' | 'refused';

  constructor(code: ListError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Reads a whole JSON file of a source, up to `limit` bytes. Rejects with ListError, or as `open` does. */
export async function readList(
  source: PublicSource,
  path: string,
  limit: number,
): Promise<unknown> {
  const bytes = await wholeBody(await source.open(path), limit).catch((error: unknown) => {
    if (!(error instanceof BodyTooLargeError)) throw error;
    const message = `${path} of ${source.url} is larger than any list: it has more than ${limit} bytes`;
    throw new ListError('too_large', message, error);
  });
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new ListError('not_json', `${path} of ${source.url} is not JSON`, error);
  }
}

/** Reads an index as clients do: one wrong value makes it unusable. Rejects as `readList` does. */
export async function readIndex(
  source: PublicSource,
  path: string,
  limit: number,
): Promise<IndexDocument> {
  return accepted(parseIndex(await readList(source, path, limit)), source, path);
}

/** Reads a products file in the same way. */
export async function readProducts(
  source: PublicSource,
  path: string,
  limit: number,
): Promise<ProductsDocument> {
  return accepted(parseProducts(await readList(source, path, limit)), source, path);
}

function accepted<T>(parsed: Parsed<T>, { url }: PublicSource, path: string): T {
  if ('document' in parsed) return parsed.document;
  const message = `${path} of ${url} cannot be read as clients read it: ${parsed.problem}`;
  throw new ListError('refused', message);
}
