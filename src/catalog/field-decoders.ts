import { parseSha256 } from '../images/digests.ts';
import { parsed, text, type Decoder } from '../json/decoders.ts';
import type { ETag } from '../storage/object-store.ts';

/** Accepts any string: only the store that returned an ETag can interpret it. */
export const etag: Decoder<ETag> = (value) => text(value) as ETag;

export const sha256 = parsed(parseSha256, 'SHA-256');
