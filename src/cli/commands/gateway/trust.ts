import { trustFolder } from '../../../gateway/server.ts';
import { TrustStore } from '../../../gateway/trust-store.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../../console/command.ts';
import { CommandError, type ExitCode } from '../../console/exit.ts';
import { renderTable } from '../../console/table.ts';
import type { Terminal } from '../../console/terminal.ts';
import { withStore } from '../../shared/store-options.ts';
import { withStateOptions, type StateValues } from './options.ts';

const LIST = 'bucketstreams gateway trust list';
const REMOVE = 'bucketstreams gateway trust remove laptop';

export function trustCommand(run: ProgramRun) {
  const trust = new ConsoleCommand('trust', run)
    .summary('List or remove clients that have joined')
    .description('Lists the clients that have joined and the tokens that are out, or removes one.')
    .addHelpText('after', examples(LIST, REMOVE));
  withStateOptions(
    trust
      .command('list')
      .summary('List clients and tokens')
      .description('Lists the clients that have joined, and the tokens that are out.')
      .option('--json', 'Print one JSON object.'),
  )
    .addHelpText('after', examples(LIST))
    .action(async (_values, command) => {
      run.exitCode = await listTrust(command.optsWithGlobals(), run.terminal);
    });
  withStateOptions(
    trust
      .command('remove')
      .summary('Shut a client out')
      .description('Shuts the clients called NAME out and withdraws the tokens for that name.')
      .argument('<NAME>'),
  )
    .addHelpText('after', examples(REMOVE))
    .action(async (name, _values, command) => {
      run.exitCode = await removeTrust(name, command.optsWithGlobals(), run.terminal);
    });
  return trust;
}

async function listTrust(
  values: StateValues & { readonly json?: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  return withStore({ values, terminal, logLevel: 'info' }, async ({ stateDir }) => {
    const trust = new TrustStore(trustFolder(values.state ?? stateDir));
    const clients = await trust.list();
    const tokens = await trust.pendingTokens(Date.now());
    if (values.json) terminal.out(JSON.stringify({ clients, tokens }, undefined, 2) + '\n');
    else {
      const rows = [
        ...clients.map(({ name, fingerprint, addedAt, allow }) => [
          ...[name, fingerprint.slice(0, 12), `joined ${addedAt}`, allow.join(' ') || '*'],
        ]),
        ...tokens.map(({ name, expiresAt, allow }) => [
          ...[name, '-', `token until ${expiresAt}`, allow.join(' ') || '*'],
        ]),
      ];
      terminal.out(renderTable(['NAME', 'FINGERPRINT', 'STATE', 'PRODUCTS'], rows));
    }
    return 0;
  });
}

async function removeTrust(
  name: string,
  values: StateValues,
  terminal: Terminal,
): Promise<ExitCode> {
  return withStore({ values, terminal, logLevel: 'info' }, async ({ stateDir }) => {
    const trust = new TrustStore(trustFolder(values.state ?? stateDir));
    const { clients, tokens } = await trust.remove(name);
    if (clients.length === 0 && tokens.length === 0) {
      throw new CommandError(
        `no client has joined as ${name}, and no token for it is out; \`gateway trust list\` shows both`,
      );
    }
    for (const { name, fingerprint } of clients) terminal.out(`${name} ${fingerprint}\n`);
    for (const { name, expiresAt } of tokens) terminal.out(`${name} token until ${expiresAt}\n`);
    return 0;
  });
}
