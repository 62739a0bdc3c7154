import { parseSha256 } from '../images/digests.ts';
import { parsed, text, type Decoder } from '../json/decoders.ts';
import type { ETag } from '../storage/object-store.ts';

/** Any string: only the store that gave an ETag understands it. */
export const etag: Decoder<ETag> = (value) => text(value) as ETag;

export const sha256 = parsed(parseSha256, 'SHA-256');
