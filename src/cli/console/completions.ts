import type { CommandUnknownOpts, Option } from 'commander';

/** A possible last word of a command line. */
export interface Completion {
  readonly word: string;
  readonly description: string;
}

/**
 * Returns the possible words at the position of the last of `words`, which are the words after the program's name.
 * Returns none where the user must give a name: a file, a product, a client.
 */
export function completionsOf(
  program: CommandUnknownOpts,
  words: readonly string[],
): readonly Completion[] {
  const typed = words.at(-1) ?? '';
  let command = program;
  let open: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (open !== undefined) open = undefined;
    else if (word.startsWith('-')) open = optionWithValue(command, word);
    else command = command.commands.find((child) => child.name() === word) ?? command;
  }
  const all = open === undefined ? wordsOf(command, typed.startsWith('-')) : choices(open);
  return all.filter(({ word }) => word.startsWith(typed));
}

function optionWithValue(command: CommandUnknownOpts, word: string): Option | undefined {
  return command.options.find(
    ({ required, long, short }) => required && (long === word || short === word),
  );
}

function wordsOf(command: CommandUnknownOpts, options: boolean): readonly Completion[] {
  const help = command.createHelp();
  if (options) {
    return help
      .visibleOptions(command)
      .map(({ long, description }) => ({ word: long ?? '', description }));
  }
  const children = help
    .visibleCommands(command)
    .map((child) => ({ word: child.name(), description: help.subcommandDescription(child) }));
  return [...children, ...command.registeredArguments.flatMap(choices)];
}

function choices({ argChoices = [] }: { readonly argChoices?: readonly string[] }) {
  return argChoices.map((word) => ({ word, description: '' }));
}
