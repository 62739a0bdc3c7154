import { DocumentReader } from '../src/json/document-reader.ts';
import type { AliasTemplate, Settings } from '../src/catalog/document.ts';
import { CLIENTS, type Client } from '../src/images/file-kinds.ts';

/** Reads the settings that the deployment put into a function's environment, as JSON. */
export function parseSettings(text: string): Partial<Settings> {
  const reader = new DocumentReader();
  const root = reader.object(JSON.parse(text) as unknown, 'BUCKETSTREAMS_SETTINGS');
  const clients = reader.optional(root['clients'], (value) =>
    reader.array(value, 'clients', (item, at) => reader.oneOf<Client>(item, CLIENTS, at)),
  );
  const aliases = reader.optional(root['aliases'], (value) =>
    reader.array(value, 'aliases', (item, at): AliasTemplate => {
      const alias = reader.object(item, at);
      const variant = reader.optional(alias['variant'], (name) => reader.text(name, at));
      const template = reader.text(alias['template'], at);
      return variant === undefined ? { template } : { template, variant };
    }),
  );
  const edgeSeconds = reader.optional(root['edgeSeconds'], (value) =>
    reader.count(value, 'edgeSeconds'),
  );
  if (reader.fault) throw new Error(`BUCKETSTREAMS_SETTINGS: ${reader.fault.problem}`);
  return {
    ...(clients === undefined ? {} : { clients }),
    ...(aliases === undefined ? {} : { aliases }),
    ...(edgeSeconds === undefined ? {} : { edgeSeconds }),
  };
}
