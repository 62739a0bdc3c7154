import { DocumentReader } from '../src/json/document-reader.ts';
import type { Mirror } from '../src/mirrors/mirror.ts';

export type MirrorSettings = Pick<Mirror, 'copy' | 'filter'> & {
  /** The mirror's store URL. */
  readonly store: string;
};

/** Reads the mirror's part of the configuration, which the deployment put into the environment as JSON. */
export function parseMirrorSettings(text: string): MirrorSettings {
  const reader = new DocumentReader();
  const root = reader.object(JSON.parse(text) as unknown, 'MIRROR_SETTINGS');
  const patterns = (name: string) =>
    reader.array(root[name], name, (item, at) => reader.text(item, at));
  const newest = reader.optional(root['newest'], (value) => reader.count(value, 'newest'));
  const settings = {
    store: reader.text(root['store'], 'store'),
    copy: reader.oneOf(root['copy'], ['fan-out', 'replication'] as const, 'copy'),
    filter: {
      include: patterns('include'),
      exclude: patterns('exclude'),
      ...(newest === undefined ? {} : { newest }),
    },
  };
  if (reader.fault) throw new Error(`MIRROR_SETTINGS: ${reader.fault.problem}`);
  return settings;
}
