import { run } from './run.ts';
import { processTerminal } from './console/terminal.ts';

/** The program, run on the words of this process's command line. */
export async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), processTerminal());
  // Whatever a command left behind, such as a connection, does not keep the process.
  setTimeout(() => process.exit(), 2000).unref();
}
