import type { CommandUnknownOpts } from 'commander';

import type { ProgramRun } from './console/command.ts';
import { keepYoungHeapSmall } from '../bytes/body-memory.ts';

/** A command and its name. Its module is loaded only when the command runs, so that `--help` is fast. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the program's help. */
  readonly summary: string;
  readonly load: (run: ProgramRun) => Promise<CommandUnknownOpts>;
}

/** All commands, in the order of the program's help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    summary: 'Prepare a store, take over an existing one',
    load: async (run) => (await import('./commands/init.ts')).initCommand(run),
  },
  {
    name: 'serve',
    summary: 'Serve a store over HTTPS and keep it up to date',
    load: async (run) => {
      keepYoungHeapSmall();
      return (await import('./commands/serve.ts')).serveCommand(run);
    },
  },
  {
    name: 'watch',
    summary: 'Keep a store up to date without serving it',
    load: async (run) => (await import('./commands/watch.ts')).watchCommand(run),
  },
  {
    name: 'update',
    summary: 'Make the public files reflect the store',
    load: async (run) => (await import('./commands/update.ts')).updateCommand(run),
  },
  {
    name: 'list',
    summary: 'List images, and with --all what is not published and why',
    load: async (run) => (await import('./commands/list.ts')).listCommand(run),
  },
  {
    name: 'publish',
    summary: "Store an image's files as a version of a product",
    load: async (run) => (await import('./commands/publish.ts')).publishCommand(run),
  },
  {
    name: 'remove',
    summary: 'Remove versions',
    load: async (run) => (await import('./commands/remove.ts')).removeCommand(run),
  },
  {
    name: 'prune',
    summary: 'Remove old versions',
    load: async (run) => (await import('./commands/prune.ts')).pruneCommand(run),
  },
  {
    name: 'verify',
    summary: 'Read back every published byte and check it',
    load: async (run) => (await import('./commands/verify.ts')).verifyCommand(run),
  },
  {
    name: 'status',
    summary: 'Print the state of a store',
    load: async (run) => (await import('./commands/status.ts')).statusCommand(run),
  },
  {
    name: 'mirror',
    summary: 'Bring mirrors up to the master now',
    load: async (run) => (await import('./commands/mirror.ts')).mirrorCommand(run),
  },
  {
    name: 'pull',
    summary: 'Copy products of another simplestreams server',
    load: async (run) => (await import('./commands/pull.ts')).pullCommand(run),
  },
  {
    name: 'gateway',
    summary: 'Take images in from lxc and incus themselves',
    load: async (run) => {
      // Must run before the command's modules are loaded: they would enlarge the young generation.
      keepYoungHeapSmall();
      return (await import('./commands/gateway/gateway.ts')).gatewayCommand(run);
    },
  },
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    load: async (run) => (await import('./commands/completion.ts')).completionCommand(run),
  },
];
