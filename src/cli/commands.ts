import type { Command } from './command.ts';

/** A command by its name. Its module is loaded only when it is used, so that `--help` is quick. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the program's help. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** All commands, in the order of the program's help. */
export const COMMANDS: readonly CommandEntry[] = [];
