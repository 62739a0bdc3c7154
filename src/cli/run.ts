import { packageVersion } from '../config/package-version.ts';
import { COMMANDS, type CommandEntry } from './command-list.ts';
import { errorLines, exitCodeOf, UsageError, type ExitCode } from './console/exit.ts';
import { programHelp } from './console/help.ts';
import { nearest } from './console/nearest.ts';
import type { Terminal } from './console/terminal.ts';

/** Runs the program on the words after its name. Errors become one line on standard error. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let name: string | undefined;
  try {
    const [first, ...rest] = argv;
    const words = first === 'help' && rest[0] !== undefined ? [rest[0], '--help'] : argv;
    switch (words[0]) {
      case undefined:
        terminal.err(programHelp(COMMANDS));
        return 2;
      case 'help':
      case '--help':
      case '-h':
        terminal.out(programHelp(COMMANDS));
        return 0;
      case '--version':
        terminal.out(`bucketstreams ${await packageVersion()}\n`);
        return 0;
    }
    const entry = find(words[0]);
    name = entry.name;
    const command = await entry.load();
    return await command(words.slice(1), terminal);
  } catch (error) {
    const debug = argv.some(
      (word, at) =>
        word === '--log-level=debug' || (word === 'debug' && argv[at - 1] === '--log-level'),
    );
    for (const line of errorLines(error, debug)) terminal.err(`bucketstreams: ${line}\n`);
    if (error instanceof UsageError) {
      terminal.err(`Try \`bucketstreams ${name === undefined ? '' : `${name} `}--help\`.\n`);
    }
    return exitCodeOf(error);
  }
}

function find(name: string): CommandEntry {
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry) return entry;
  const kind = name.startsWith('-') ? 'option' : 'command';
  const similar = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  const hint = similar === undefined ? '' : `; did you mean ${similar}?`;
  throw new UsageError(`unknown ${kind} ${JSON.stringify(name)}${hint}`);
}
