import { removeVersions } from '../../pipeline/removal/remove-versions.ts';
import { confirm } from '../console/confirm.ts';
import { defineCommand } from '../console/command.ts';
import { CommandError } from '../console/exit.ts';
import { STORE_OPTIONS, withStore } from '../shared/store-options.ts';
import { parseVersionOperand } from '../shared/version-operand.ts';
import { versionPath, withdraw, withdrawalJson, withdrawalTable } from '../shared/withdrawal.ts';

export const removeCommand = defineCommand({
  name: 'remove',
  description: `Removes versions. Their names leave the public files at once; their files are deleted by serve, watch or the deployed sweep after a grace, since clients may still be led to them.`,
  operands: { name: 'PRODUCT/VERSION…', min: 1, max: Infinity },
  options: {
    ...STORE_OPTIONS,
    yes: { type: 'boolean', short: 'y', help: 'Do not ask.' },
    'dry-run': { type: 'boolean', help: 'Only tell what would be removed.' },
    json: { type: 'boolean', help: 'Print one JSON object.' },
  },
  examples: ['bucketstreams remove busybox/1.36/amd64/default/20250101_1200 --yes'],
  run: (invocation) => {
    const refs = invocation.operands.map(parseVersionOperand);
    return withStore(invocation, async ({ context }) => {
      const { values, terminal } = invocation;
      const planned = await removeVersions(
        context,
        refs.map((ref) => ({ ref })),
        { dryRun: true },
      );
      const missing = planned.find(({ files }) => files.length === 0);
      if (missing) {
        throw new CommandError(
          `${versionPath(missing.ref)} has no files in ${context.store.url}; nothing was removed`,
        );
      }
      const print = (removed: boolean) =>
        terminal.out(values.json ? withdrawalJson(planned, removed) : withdrawalTable(planned));
      if (values['dry-run']) {
        print(false);
        return 0;
      }
      if (!values.yes) await confirm(terminal, withdrawalTable(planned), 'Remove these versions?');
      await withdraw(context, refs);
      print(true);
      return 0;
    });
  },
});
