import type { Command } from './console/command.ts';
import { keepYoungHeapSmall } from '../bytes/young-heap.ts';

/** A command by its name. Its module is loaded only when it is used, so that `--help` is quick. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the program's help. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** All commands, in the order of the program's help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'init',
    summary: 'Prepare a store, take over an existing one',
    load: async () => (await import('./commands/init.ts')).initCommand,
  },
  {
    name: 'serve',
    summary: 'Serve a store over HTTPS and keep it up to date',
    load: async () => {
      keepYoungHeapSmall();
      return (await import('./commands/serve.ts')).serveCommand;
    },
  },
  {
    name: 'watch',
    summary: 'Keep a store up to date without serving it',
    load: async () => (await import('./commands/watch.ts')).watchCommand,
  },
  {
    name: 'update',
    summary: 'Make the public files reflect the store',
    load: async () => (await import('./commands/update.ts')).updateCommand,
  },
  {
    name: 'list',
    summary: 'List images, and with --all what is not published and why',
    load: async () => (await import('./commands/list.ts')).listCommand,
  },
  {
    name: 'publish',
    summary: "Store an image's files as a version of a product",
    load: async () => (await import('./commands/publish.ts')).publishCommand,
  },
  {
    name: 'remove',
    summary: 'Remove versions',
    load: async () => (await import('./commands/remove.ts')).removeCommand,
  },
  {
    name: 'prune',
    summary: 'Remove old versions',
    load: async () => (await import('./commands/prune.ts')).pruneCommand,
  },
  {
    name: 'verify',
    summary: 'Read back every published byte and check it',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'status',
    summary: 'Tell how a store is',
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'mirror',
    summary: 'Bring mirrors up to the master now',
    load: async () => (await import('./commands/mirror.ts')).mirrorCommand,
  },
  {
    name: 'pull',
    summary: 'Copy products of another simplestreams server',
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    name: 'gateway',
    summary: 'Take images in from lxc and incus themselves',
    load: async () => {
      // Before its modules are loaded, with which the young generation would grow.
      keepYoungHeapSmall();
      return (await import('./commands/gateway.ts')).gatewayCommand;
    },
  },
];
