import { removeVersions } from '../../pipeline/removal/remove-versions.ts';
import { confirm } from '../console/confirm.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { CommandError } from '../console/exit.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';
import { parseVersionOperand } from '../shared/version-operand.ts';
import { versionPath, withdraw, withdrawalJson, withdrawalTable } from '../shared/withdrawal.ts';

export function removeCommand(run: ProgramRun) {
  const command = new ConsoleCommand('remove', run)
    .description(
      `Removes versions. Their names leave the public files at once; their files are deleted by serve, watch or the deployed sweep after a grace, since clients may still be led to them.`,
    )
    .argument('<PRODUCT/VERSION...>')
    .option('-y, --yes', 'Do not ask.')
    .option('--dry-run', 'Only print what would be removed.')
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples('bucketstreams remove busybox/1.36/amd64/default/20250101_1200 --yes'),
    )
    .action(async (versions, values) => {
      const { terminal } = run;
      const refs = versions.map(parseVersionOperand);
      run.exitCode = await withStore({ values, terminal }, async ({ context }) => {
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
        if (values.dryRun) {
          print(false);
          return 0;
        }
        if (!values.yes)
          await confirm(terminal, withdrawalTable(planned), 'Remove these versions?');
        await withdraw(context, refs);
        print(true);
        return 0;
      });
    });
}
