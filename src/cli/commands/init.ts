import { writeFile } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';

import { Option } from 'commander';

import { CONFIG_FILE } from '../../config/load-config.ts';
import { storeUrl } from '../../storage/location.ts';
import { IMAGES_PREFIX } from '../../images/layout.ts';
import { ensureCertificate } from '../../net/authority.ts';
import { update } from '../../pipeline/indexing/update.ts';
import { s3Credentials } from '../../storage/s3/credentials.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { configTemplate } from '../shared/config-template.ts';
import { UsageError } from '../console/exit.ts';
import { text } from '../console/options.ts';
import { createProgress } from '../console/progress.ts';
import { loadSettings, type CliSettings } from '../shared/settings.ts';
import { withSettings, withStoreOptions } from '../shared/store-options.ts';
import type { Terminal } from '../console/terminal.ts';

export function initCommand(run: ProgramRun) {
  const base = new ConsoleCommand('init', run)
    .description(
      `Prepares a store: makes the directory or checks the bucket, publishes what is in it (an existing tree of lxd-image-server is taken over in place), makes the certificate for serve, and writes a commented bucketstreams.toml where there is none. Safe to repeat.`,
    )
    .addOption(text('--state <DIR>', "Folder for the certificate. Default: serve's."))
    .option('--create-bucket', 'Make the bucket when there is none.')
    .addOption(
      text(
        '--minio-events <ARN>',
        'Have the bucket send notifications about its images to this target: arn:minio:sqs::NAME:webhook for a webhook that leads to --events-listen.',
      ),
    );
  const command = withStoreOptions(base);
  // A separate option, not the opposite of --config: commander treats every --no-… as an opposite.
  const noConfig = new Option('--no-config', 'Write no bucketstreams.toml.');
  noConfig.negate = false;
  command.addOption(noConfig);
  return command
    .addHelpText(
      'after',
      examples(
        'bucketstreams init --store file:/srv/images',
        'bucketstreams init --store "s3://images?endpoint=http://127.0.0.1:9000" --create-bucket --minio-events arn:minio:sqs::bucketstreams:webhook',
      ),
    )
    .action(async (values) => {
      const { terminal } = run;
      const settings = await loadSettings({ values, terminal });
      await prepareBucket(settings, terminal, values.createBucket, values.minioEvents);
      run.exitCode = await withSettings(settings, terminal.env, async (opened) => {
        const { context, stateDir, directory } = opened;
        const progress = createProgress(terminal, 'Listed', { unit: 'count' });
        const report = await update(context, {
          onProgress: (objects) => progress.update(objects),
        }).finally(() => progress.clear());
        terminal.out(`${context.store.url}: public generation ${report.generation}\n`);
        if (directory !== undefined || values.state !== undefined) {
          const { caPath, created } = await ensureCertificate({
            stateDir: values.state ?? stateDir,
            hosts: [settings.config.serve.host, ...settings.config.serve.names],
          });
          terminal.out(`${caPath}: ${created ? 'made' : 'is there already'}\n`);
        }
        if (command.getOptionValue('noConfig') !== true) {
          await writeConfig(settings, context.store.url, terminal);
        }
        return 0;
      });
    });
}

async function prepareBucket(
  { store: { location, credentials } }: CliSettings,
  terminal: Terminal,
  create: boolean | undefined,
  eventsArn: string | undefined,
): Promise<void> {
  if (location.kind !== 'bucket') {
    if (create || eventsArn !== undefined) {
      const option = create ? '--create-bucket' : '--minio-events';
      throw new UsageError(`${option} is for a bucket, and the store is a directory`);
    }
    return;
  }
  if (eventsArn !== undefined && !/^arn:[a-z-]+:sqs:[^:]*:[^:]+:[^:]+$/.test(eventsArn)) {
    throw new UsageError(
      `--minio-events is ${JSON.stringify(eventsArn)}; an ARN such as arn:minio:sqs::NAME:webhook is expected`,
    );
  }
  const { bucket, region, endpoint } = location;
  const place = {
    bucket,
    url: storeUrl(location),
    credentials: s3Credentials(credentials, terminal.env),
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
  };
  const { ensureBucket, ensureNotifications } = await import('../../storage/s3/setup.ts');
  if (create && (await ensureBucket(place))) terminal.out(`${place.url}: bucket made\n`);
  if (eventsArn === undefined) return;
  const changed = await ensureNotifications(place, eventsArn, IMAGES_PREFIX);
  terminal.out(`${place.url}: notifications ${changed ? 'set up' : 'are set up already'}\n`);
}

async function writeConfig(
  { config, store: { location } }: CliSettings,
  url: string,
  terminal: Terminal,
): Promise<void> {
  if (config.file !== undefined) {
    terminal.out(`${config.file}: is there already\n`);
    return;
  }
  const file = resolve(CONFIG_FILE);
  // Another process may have written the file in the meantime; it is not overwritten.
  await writeFile(
    file,
    configTemplate(location.kind === 'directory' ? relativeUrl(location.path) : url),
    { flag: 'wx' },
  );
  terminal.out(`${file}: written\n`);
}

/** A relative URL for a store below the configuration's folder, so that both can be moved together. */
function relativeUrl(directory: string): string {
  const path = relative(process.cwd(), directory);
  return path.startsWith('..') || isAbsolute(path) ? `file:${directory}` : `file:./${path}`;
}
