import { startGateway, type GatewayLimits } from '../../../gateway/server.ts';
import { acceptBefore, ConsoleCommand, examples, type ProgramRun } from '../../console/command.ts';
import { UsageError, type ExitCode } from '../../console/exit.ts';
import { createLogger } from '../../console/log-options.ts';
import { value, wholeNumber } from '../../console/options.ts';
import type { Terminal } from '../../console/terminal.ts';
import { untilSignal } from '../../console/until-signal.ts';
import { withStore } from '../../shared/store-options.ts';
import { addressOf, certificateOf, withAddressOptions, type AddressValues } from './options.ts';
import { tokenCommand } from './token.ts';
import { trustCommand } from './trust.ts';

export function gatewayCommand(run: ProgramRun) {
  const command = new ConsoleCommand('gateway', run)
    .description(
      `Runs an HTTPS server that lxc and incus see as a private server which takes images in: lxc image copy, lxc image import and lxc publish put images into the store through it. It prints its URL on standard output once it accepts connections.

A client joins with a token, once: lxc remote add hub TOKEN. The commands below print tokens and list and remove clients.`,
    )
    .addOption(
      value(
        '--max-size <BYTES>',
        'Largest accepted image. Default: 48 GiB.',
        wholeNumber({ min: 1 }),
      ),
    )
    .addOption(
      value(
        '--max-uploads <COUNT>',
        'Uploads at one time; others wait. Default: 4.',
        wholeNumber({ min: 1, max: 64 }),
      ),
    );
  const gateway = withAddressOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams gateway --host 0.0.0.0 --name hub.example.org',
        "bucketstreams gateway token laptop --name hub.example.org --allow 'iats/*'",
        'bucketstreams gateway trust list',
        'bucketstreams gateway trust remove laptop',
      ),
    )
    // Allowed, because our message is better than commander's.
    .allowExcessArguments()
    .action(async (values, { args: [word] }) => {
      if (word !== undefined) {
        throw new UsageError(
          `unknown command gateway ${JSON.stringify(word)}; write \`gateway\`, \`gateway token NAME\`, \`gateway trust list\` or \`gateway trust remove NAME\``,
        );
      }
      run.exitCode = await serve(values, run.terminal);
    });
  const [token, trust] = [tokenCommand(run), trustCommand(run)];
  gateway.addCommand(token).addCommand(trust);
  for (const child of [token, ...trust.commands]) acceptBefore(gateway, child);
  return gateway;
}

interface ServeValues extends AddressValues {
  readonly maxSize?: number;
  readonly maxUploads?: number;
}

async function serve(values: ServeValues, terminal: Terminal): Promise<ExitCode> {
  const log = createLogger(values, terminal, 'info');
  return withStore({ values, terminal, logLevel: 'info' }, async ({ context, stateDir }) => {
    const state = values.state ?? stateDir;
    const tls = await certificateOf(values, state);
    const { host, port } = addressOf(values);
    const gateway = await startGateway({
      store: context.store,
      state,
      host,
      port,
      tls,
      log,
      limits: limitsOf(values),
    });
    terminal.err(
      `Let a client in: bucketstreams gateway token NAME, then on the client: lxc remote add hub TOKEN\n`,
    );
    terminal.out(`${gateway.url}\n`);
    await untilSignal(terminal.env);
    await gateway.close();
    return 0;
  });
}

function limitsOf({ maxSize: size, maxUploads: uploads }: ServeValues): Partial<GatewayLimits> {
  return { ...(size !== undefined && { size }), ...(uploads !== undefined && { uploads }) };
}
