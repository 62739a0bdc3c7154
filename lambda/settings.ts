import type { AliasTemplate, Settings } from '../src/catalog/document.ts';
import { CLIENTS } from '../src/images/file-kinds.ts';
import { decodeText } from '../src/json/decode.ts';
import { count, listOf, object, oneOf, optional, text } from '../src/json/decoders.ts';

const settings = object<Partial<Settings>>({
  clients: optional(listOf(oneOf(CLIENTS))),
  aliases: optional(listOf(object<AliasTemplate>({ template: text, variant: optional(text) }))),
  edgeSeconds: optional(count),
});

/** Reads the settings that the deployment put into a function's environment, as JSON. */
export function parseSettings(json: string): Partial<Settings> {
  const decoded = decodeText(settings, json);
  if ('problem' in decoded) throw new Error(`BUCKETSTREAMS_SETTINGS: ${decoded.problem}`);
  return decoded.document;
}
