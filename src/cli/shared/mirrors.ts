import type { MirrorConfig } from '../../config/config.ts';
import { mapConcurrently } from '../../pipeline/concurrently.ts';
import type { Mirror } from '../../mirrors/mirror.ts';
import { openStore } from '../../storage/open-store.ts';
import { UsageError } from '../console/exit.ts';
import type { OpenedStore } from './store-options.ts';

/** A mirror of the configuration: opened, or with the error that prevents it. */
export type OpenedMirror =
  | { readonly name: string; readonly mirror: Mirror }
  | { readonly name: string; readonly error: unknown };

/**
 * Opens the configured mirrors, or only the one with that name, and closes them afterwards. A mirror that cannot
 * be opened is reported and does not affect the others. Throws UsageError when there is none.
 */
export async function withMirrors<T>(
  { config }: Pick<OpenedStore, 'config'>,
  options: {
    readonly name?: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly use: 'read' | 'write';
  },
  action: (mirrors: readonly OpenedMirror[]) => Promise<T>,
): Promise<T> {
  const chosen = choose(config.mirrors, options.name, config.file);
  const opened = await mapConcurrently(chosen, chosen.length, (mirror) => open(mirror, options));
  try {
    return await action(opened);
  } finally {
    for (const one of opened) if ('mirror' in one) await one.mirror.store.close();
  }
}

function choose(
  mirrors: readonly MirrorConfig[],
  name: string | undefined,
  file: string | undefined,
): readonly MirrorConfig[] {
  if (name === undefined) return mirrors;
  const found = mirrors.find((mirror) => mirror.name === name);
  if (found) return [found];
  const names = mirrors.map((mirror) => mirror.name).join(' or ');
  const hint = names === '' ? '' : `; did you mean ${names}?`;
  throw new UsageError(
    `there is no [mirrors.${name}] in ${file ?? 'the configuration, for there is none'}${hint}`,
  );
}

async function open(
  config: MirrorConfig,
  { env, use }: { readonly env: NodeJS.ProcessEnv; readonly use: 'read' | 'write' },
): Promise<OpenedMirror> {
  const { name, copy, include, exclude, newest } = config;
  try {
    const store = await openStore(config, { use, settleMs: 1000, env });
    const filter = { include, exclude, ...(newest === undefined ? {} : { newest }) };
    return { name, mirror: { name, store, copy, filter } };
  } catch (error) {
    return { name, error };
  }
}
