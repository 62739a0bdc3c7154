import type { AliasTemplate } from '../catalog/document.ts';
import { CLIENTS } from '../images/file-kinds.ts';
import { DEFAULT_ALIASES, templateProblem } from '../simplestreams/aliases.ts';
import type { PublishConfig } from './config.ts';
import { isTable, type TableReader } from './table-reader.ts';

/** `[publish]`. */
export function readPublish(table: TableReader): PublishConfig {
  const publish = { clients: readClients(table), aliases: readAliases(table) };
  table.done();
  return publish;
}

function readClients(table: TableReader): PublishConfig['clients'] {
  const names = table.strings('clients');
  if (names === undefined) return CLIENTS;
  const clients = CLIENTS.filter((client) => names.includes(client));
  if (clients.length > 0 && clients.length === names.length) return clients;
  throw table.error('clients', `is ${JSON.stringify(names)}`, 'write "lxd", "incus" or both');
}

/** Each alias is a template, or a template with the one variant that it applies to. */
function readAliases(table: TableReader): PublishConfig['aliases'] {
  const values = table.unknown('aliases');
  if (values === undefined) return DEFAULT_ALIASES;
  const remedy = 'write a list of templates: ["{os}/{release}", { template = "…", variant = "…" }]';
  if (!Array.isArray(values)) throw table.error('aliases', 'is no list', remedy);
  return values.map((value: unknown) => {
    const alias = aliasOf(value);
    if (alias === undefined) {
      throw table.error('aliases', `has ${JSON.stringify(value)}, which is no template`, remedy);
    }
    const problem = templateProblem(alias.template);
    if (problem === undefined) return alias;
    throw table.error(
      'aliases',
      problem,
      'write {os}, {release}, {arch}, {variant} and plain text',
    );
  });
}

function aliasOf(value: unknown): AliasTemplate | undefined {
  if (typeof value === 'string') return { template: value };
  if (!isTable(value)) return undefined;
  const { template, variant, ...others } = value;
  if (typeof template !== 'string' || Object.keys(others).length > 0) return undefined;
  if (variant === undefined) return { template };
  return typeof variant === 'string' && variant !== '' ? { template, variant } : undefined;
}
