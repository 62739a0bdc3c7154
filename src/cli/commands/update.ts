import { update } from '../../pipeline/indexing/update.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { skippedImages } from '../shared/listing.ts';
import { createProgress } from '../console/progress.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';

export function updateCommand(run: ProgramRun) {
  const command = new ConsoleCommand('update', run)
    .description(
      `Makes the public files reflect the store, whatever was there before: lists every image, reads those that are new or changed, publishes. A lost or damaged catalog is rebuilt, and the public files of another program are taken over.

When many published versions are gone at once (more than 10 and more than a fifth), as when a disk is not mounted, their removal is held back and the exit code is 1.`,
    )
    .option('--accept-removals', 'Take versions that are gone for removed, however many they are.')
    .option('--rehash', 'Read every image again, as if nothing were known.')
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams update',
        'bucketstreams update --store s3://images --accept-removals',
      ),
    )
    .action(async (values) => {
      const { terminal } = run;
      run.exitCode = await withStore({ values, terminal }, async ({ context, skipped }) => {
        const progress = createProgress(terminal, 'Listed', { unit: 'count' });
        const report = await update(context, {
          acceptRemovals: values.acceptRemovals === true,
          rehash: values.rehash === true,
          onProgress: (objects) => progress.update(objects),
        }).finally(() => progress.clear());
        const { generation, indexed, heldRemovals } = report;
        const refused = report.refused + skippedImages(skipped).length;
        if (values.json) terminal.out(JSON.stringify({ ...report, refused }) + '\n');
        else {
          terminal.out(
            `Public generation ${generation}; ${indexed} versions and products differed.\n`,
          );
          if (refused > 0) {
            terminal.out(
              `${refused} files are no images: \`bucketstreams list --all\` shows why.\n`,
            );
          }
        }
        if (heldRemovals === 0) return 0;
        terminal.err(
          `bucketstreams: ${heldRemovals} published versions are gone and their removal is held back; ` +
            'bring them back, or run `bucketstreams update --accept-removals`\n',
        );
        return 1;
      });
    });
}
