import type { CommandUnknownOpts } from 'commander';

import { packageVersion } from '../config/package-version.ts';
import { COMMANDS } from './command-list.ts';
import { completionsOf } from './console/completions.ts';
import { ConsoleCommand, examples, type ProgramRun } from './console/command.ts';

/**
 * Creates the program for one command line. It has the names of all commands, but only the named command is loaded
 * and has its options. The hidden `complete` is for the scripts of `completion`.
 */
export async function createProgram(
  argv: readonly string[],
  run: ProgramRun,
): Promise<CommandUnknownOpts> {
  // Other runs do not need the package's file, and may not be allowed to read it.
  const version = argv.includes(VERSION) ? await packageVersion() : '';
  const program = new ConsoleCommand('bucketstreams', run)
    .usage('COMMAND [options]')
    .description('An LXD and Incus image server made of a directory or an S3 bucket.')
    .version(`bucketstreams ${version}`, VERSION, 'Print the version.')
    // publish has its own --version.
    .enablePositionalOptions()
    .helpCommand('help [COMMAND]', 'Print the help of a command')
    .addHelpText('after', NOTES);
  const named = argv.find((word) => COMMANDS.some(({ name }) => name === word));
  for (const { name, summary, load } of COMMANDS) {
    if (name === named) program.addCommand((await load(run)).summary(summary));
    else program.command(name).summary(summary);
  }
  program
    .command('complete', { hidden: true })
    .argument('[WORDS...]')
    .action((words) => {
      for (const { word, description } of completionsOf(program, words)) {
        run.terminal.out(`${word}\t${description}\n`);
      }
    });
  return program;
}

const VERSION = '--version';

const NOTES = `
Every command that uses a store takes --store URL: file:./data for a directory, or
s3://bucket?region=…&endpoint=https://… for a bucket. Without it BUCKETSTREAMS_STORE counts, then
bucketstreams.toml, then file:./data.

Exit codes: 0 done; 1 the check or operation failed; 2 usage or configuration; 3 the store
cannot be reached or denies access.
${examples('bucketstreams serve --store file:./data', 'bucketstreams list', 'bucketstreams list --help')}`;
