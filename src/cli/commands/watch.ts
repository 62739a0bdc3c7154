import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { createLogger } from '../console/log-options.ts';
import { withLocalOptions } from '../shared/local-options.ts';
import { runLocal } from '../shared/run-local.ts';

export function watchCommand(run: ProgramRun) {
  const command = new ConsoleCommand('watch', run).description(
    `Keeps a store's public files true to its images, as serve does, and serves nothing: for a store behind a web server or CDN of its own. It ends on SIGTERM or SIGINT.`,
  );
  return withLocalOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams watch --store file:/srv/images',
        'BUCKETSTREAMS_EVENTS_TOKEN=… bucketstreams watch --store s3://images --events-listen 0.0.0.0:9001',
      ),
    )
    .action(async (values) => {
      const { terminal } = run;
      run.exitCode = await runLocal(
        { values, terminal },
        {
          front: () => undefined,
          watch: () => true,
          onStart: () => createLogger(values, terminal, 'info')('info', 'watching'),
        },
      );
    });
}
