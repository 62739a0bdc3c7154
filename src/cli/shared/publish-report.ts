import { productName } from '../../images/layout.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { PlacedVersion } from '../../publishing/place-version.ts';
import { waitPublished } from '../../publishing/wait-published.ts';
import type { ExitCode } from '../console/exit.ts';
import type { Terminal } from '../console/terminal.ts';
import { versionPath } from './withdrawal.ts';

export interface Reporting {
  readonly json: boolean;
  readonly timeout?: number;
  readonly signal: AbortSignal;
}

/** Prints what was stored. With a `timeout` in milliseconds, waits until it is public. */
export async function report(
  store: ObjectStore,
  placed: PlacedVersion,
  terminal: Terminal,
  { json, timeout, signal }: Reporting,
): Promise<ExitCode> {
  const { ref, stored, kept, fingerprints, incomplete } = placed;
  const version = versionPath(ref);
  const waited =
    timeout === undefined
      ? undefined
      : await waitPublished(store, placed, { timeout, signal }).catch((error: unknown) => {
          if (!signal.aborted) throw error;
          throw new Error(`${version} is stored, and will be public when it is indexed`);
        });
  if (json) {
    const keys = stored.map(({ key }) => key);
    const state = waited?.kind ?? 'stored';
    const reason = waited?.kind === 'unpublished' ? waited.reason : incomplete;
    terminal.out(
      JSON.stringify(
        {
          product: productName(ref.product),
          version: ref.version,
          stored: keys,
          kept,
          fingerprints,
          state,
          reason,
        },
        undefined,
        2,
      ) + '\n',
    );
  } else {
    terminal.out(`${version}\n`);
    for (const [file, fingerprint] of Object.entries(fingerprints)) {
      terminal.out(`  ${file}: fingerprint ${fingerprint}\n`);
    }
    for (const file of kept) terminal.out(`  ${file}: was there already, with the same bytes\n`);
    if (incomplete !== undefined) terminal.out(`  not complete: ${incomplete}\n`);
  }
  if (waited?.kind !== 'unpublished') return 0;
  terminal.err(`bucketstreams: ${version} is not public: ${waited.reason}\n`);
  return 1;
}
