import { update } from '../../pipeline/indexing/update.ts';
import { defineCommand } from '../console/command.ts';
import { skippedImages } from '../shared/listing.ts';
import { createProgress } from '../console/progress.ts';
import { STORE_OPTIONS, withStore } from '../shared/store-options.ts';

export const updateCommand = defineCommand({
  name: 'update',
  description: `Makes the public files reflect the store, whatever was there before: lists every image, reads those that are new or changed, publishes. A lost or damaged catalog is rebuilt, and the public files of another program are taken over.

When many published versions are gone at once (more than 10 and more than a fifth), as when a disk is not mounted, their removal is held back and the exit code is 1.`,
  options: {
    ...STORE_OPTIONS,
    'accept-removals': {
      type: 'boolean',
      help: 'Take versions that are gone for removed, however many they are.',
    },
    rehash: { type: 'boolean', help: 'Read every image again, as if nothing were known.' },
    json: { type: 'boolean', help: 'Print one JSON object.' },
  },
  examples: ['bucketstreams update', 'bucketstreams update --store s3://images --accept-removals'],
  run: (invocation) =>
    withStore(invocation, async ({ context, skipped }) => {
      const { values, terminal } = invocation;
      const progress = createProgress(terminal, 'Listed', { unit: 'count' });
      const report = await update(context, {
        acceptRemovals: values['accept-removals'] === true,
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
          terminal.out(`${refused} files are no images: \`bucketstreams list --all\` tells why.\n`);
        }
      }
      if (heldRemovals === 0) return 0;
      terminal.err(
        `bucketstreams: ${heldRemovals} published versions are gone and their removal is held back; ` +
          'bring them back, or run `bucketstreams update --accept-removals`\n',
      );
      return 1;
    }),
});
