import { loadCatalog } from '../../pipeline/documents/load-catalog.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { listIgnoredKeys, listVersions, type ListEntry } from '../shared/listing.ts';
import { anyPattern } from '../shared/product-pattern.ts';
import { formatBytes } from '../console/progress.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';
import { renderTable } from '../console/table.ts';

export function listCommand(run: ProgramRun) {
  const command = new ConsoleCommand('list', run)
    .description(
      `Lists the images that are published. With --all also every version that is not, with its state and the reason, and every key below images/ that can be no image.

A PRODUCT narrows the list: os/release/arch/variant, where * stands for any name and missing names at the end for all.`,
    )
    .argument('[PRODUCT...]')
    .option('--all', 'Also what is not published, and why.')
    .option('--json', 'Print one JSON array.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams list',
        'bucketstreams list --all busybox',
        "bucketstreams list --json '*/*/amd64'",
      ),
    )
    .action(async (products, values) => {
      const { terminal } = run;
      const fits = anyPattern(products);
      const all = values.all === true;
      run.exitCode = await withStore(
        { values, terminal },
        async ({ context, skipped }) => {
          const loaded = await loadCatalog(context.store);
          const entries = loaded ? listVersions(loaded.catalog, fits, all) : [];
          if (all && products.length === 0)
            entries.push(...(await listIgnoredKeys(context.store, skipped)));
          if (values.json) terminal.out(JSON.stringify(entries, undefined, 2) + '\n');
          else if (entries.length > 0)
            terminal.out(all ? fullTable(entries) : publishedTable(entries));
          else
            terminal.err(
              loaded ? 'Nothing to list.\n' : `Nothing is indexed in ${context.store.url}.\n`,
            );
          return 0;
        },
        { use: 'read' },
      );
    });
}

function publishedTable(entries: readonly ListEntry[]): string {
  const rows = entries.flatMap((entry) =>
    Object.entries(entry.fingerprints).map(([file, fingerprint]) => [
      pathOf(entry),
      entry.version ?? '',
      file,
      formatBytes(sizeOf(entry, file)),
      fingerprint.slice(0, 12),
    ]),
  );
  return renderTable(['PRODUCT', 'VERSION', 'IMAGE', 'SIZE', 'FINGERPRINT'], rows);
}

function fullTable(entries: readonly ListEntry[]): string {
  const rows = entries.map((entry) => [
    entry.key ?? pathOf(entry),
    entry.version ?? '',
    entry.state,
    formatBytes(entry.files.reduce((sum, { size }) => sum + size, 0)),
    entry.reason ?? '',
  ]);
  return renderTable(['PRODUCT', 'VERSION', 'STATE', 'SIZE', 'REASON'], rows);
}

function pathOf({ product }: ListEntry): string {
  return (product ?? '').replaceAll(':', '/');
}

/** Returns the size of `<file>`, also for the name `<file>@<client>`. */
function sizeOf({ files }: ListEntry, name: string): number {
  const file = files.find((one) => one.name === name || name.startsWith(`${one.name}@`));
  return file?.size ?? 0;
}
