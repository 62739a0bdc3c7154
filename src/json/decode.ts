import type { Decoder } from './decoders.ts';
import { DocumentProblem } from './problem.ts';

/** A decoded document, or the reason why it cannot be used, with the path to the first wrong value. */
export type Decoded<T> = { readonly document: T } | { readonly problem: string };

/** Parses JSON text. Throws DocumentProblem if it is not valid. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DocumentProblem(` is no JSON: ${String(error)}`);
  }
}

/** Decodes a parsed JSON value. */
export function decode<T>(decoder: Decoder<T>, value: unknown): Decoded<T> {
  return caught(() => decoder(value));
}

/** Parses and decodes JSON text. */
export function decodeText<T>(decoder: Decoder<T>, text: string): Decoded<T> {
  return caught(() => decoder(parseJson(text)));
}

/** Parses and decodes JSON text. Returns undefined if it cannot be decoded, for records that are then ignored. */
export function decodedOrAbsent<T>(decoder: Decoder<T>, text: string): T | undefined {
  const decoded = decodeText(decoder, text);
  return 'document' in decoded ? decoded.document : undefined;
}

function caught<T>(read: () => T): Decoded<T> {
  try {
    return { document: read() };
  } catch (error) {
    if (error instanceof DocumentProblem) return { problem: error.message };
    throw error;
  }
}
