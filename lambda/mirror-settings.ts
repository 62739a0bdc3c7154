import { decodeText } from '../src/json/decode.ts';
import { count, listOf, object, oneOf, optional, text } from '../src/json/decoders.ts';
import type { MirrorFilter } from '../src/mirrors/ledger/document.ts';
import type { Mirror } from '../src/mirrors/mirror.ts';

export type MirrorSettings = Pick<Mirror, 'copy' | 'filter'> & {
  /** The mirror's store URL. */
  readonly store: string;
};

type StoredSettings = Omit<MirrorSettings, 'filter'> & MirrorFilter;

const stored = object<StoredSettings>({
  store: text,
  copy: oneOf(['fan-out', 'replication']),
  include: listOf(text),
  exclude: listOf(text),
  newest: optional(count),
});

/** Reads the mirror's part of the configuration, which the deployment put into the environment as JSON. */
export function parseMirrorSettings(json: string): MirrorSettings {
  const decoded = decodeText(stored, json);
  if ('problem' in decoded) throw new Error(`MIRROR_SETTINGS: ${decoded.problem}`);
  const { store, copy, ...filter } = decoded.document;
  return { store, copy, filter };
}
