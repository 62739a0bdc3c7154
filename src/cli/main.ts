import { run } from './run.ts';
import { processTerminal } from './console/terminal.ts';

/** Runs the program with this process's command line. */
export async function main(): Promise<void> {
  process.exitCode = await run(process.argv.slice(2), processTerminal());
  // A resource that is still open, such as a connection, must not keep the process running.
  setTimeout(() => process.exit(), 2000).unref();
}
