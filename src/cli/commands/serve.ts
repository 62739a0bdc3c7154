import type { ServeConfig } from '../../config/config.ts';
import { trustInstructions } from '../../net/authority.ts';
import { parseHostPort } from '../../net/host-port.ts';
import type { FrontAddress, GatewayAddress } from '../../local/start-local.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { UsageError } from '../console/exit.ts';
import { port, text, texts, value } from '../console/options.ts';
import { withLocalOptions } from '../shared/local-options.ts';
import { runLocal } from '../shared/run-local.ts';

export function serveCommand(run: ProgramRun) {
  const command = new ConsoleCommand('serve', run)
    .description(
      `Serves a store to LXD and Incus over HTTPS and keeps its public files true to its images: put images into the store, and seconds later clients find them. Once it accepts connections it prints one line with its URL on standard output; all else goes to standard error. It ends on SIGTERM or SIGINT.

On the first start it makes a certificate authority of its own and prints how clients come to trust it.`,
    )
    .addOption(text('--host <HOST>', 'Address to listen on; 0.0.0.0 for all. Default: 127.0.0.1.'))
    .addOption(
      value('--port <PORT>', 'Port to listen on; 0 for any free one. Default: 8443.', port),
    )
    .addOption(
      texts('--name <NAME>', 'A further host name or address that the certificate is to cover.'),
    )
    .addOption(text('--tls-cert <FILE>', 'A certificate of your own, PEM, with its chain.'))
    .addOption(text('--tls-key <FILE>', 'The private key of --tls-cert, PEM.'))
    .option('--http', 'Serve plain HTTP, for behind a proxy that does TLS.')
    .addOption(
      text(
        '--gateway <HOST:PORT>',
        'Where lxc and incus put images in, see `bucketstreams gateway --help`; off for nowhere. Default: 127.0.0.1:8444, where that is free.',
      ),
    )
    .option(
      '--no-watch',
      'Only serve: something else (watch, update) keeps the public files up to date.',
    );
  return withLocalOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams serve',
        'bucketstreams serve --store file:/srv/images --host 0.0.0.0 --name images.example.org',
        'bucketstreams serve --store s3://images --http --port 8080',
      ),
    )
    .action(async (values) => {
      const { terminal } = run;
      run.exitCode = await runLocal(
        { values, terminal },
        {
          front: (config) => frontAddress(values, config),
          gateway: (front) => gatewayAddress(values.gateway, front),
          watch: (config) => values.watch && config.watch,
          onStart: ({ url, caPath, gatewayUrl }, front) => {
            if (url === undefined || front === undefined) return;
            terminal.err(instructions(url, front, caPath));
            if (gatewayUrl !== undefined) {
              terminal.err(
                `lxc and incus can put images in at ${gatewayUrl}: give them a token by \`bucketstreams gateway token NAME\`\n`,
              );
            }
            terminal.out(`${url}\n`);
          },
        },
      );
    });
}

interface FrontValues {
  readonly host?: string;
  readonly port?: number;
  readonly name?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly http?: boolean;
}

function frontAddress(values: FrontValues, config: ServeConfig): FrontAddress {
  const host = values.host ?? config.host;
  return {
    host,
    port: values.port ?? config.port,
    tls: tlsOf(values, config),
    idleTimeout: config.idleTimeout * 1000,
  };
}

function tlsOf(values: FrontValues, config: ServeConfig): FrontAddress['tls'] {
  const { tlsCert: certFile, tlsKey: keyFile, http } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert and --tls-key belong together; one is missing');
  }
  if (http && certFile !== undefined) {
    throw new UsageError('--http and --tls-cert exclude each other');
  }
  if (http) return { kind: 'none' };
  if (certFile !== undefined && keyFile !== undefined) return { kind: 'files', certFile, keyFile };
  if (config.http) return { kind: 'none' };
  if (config.tls) return { kind: 'files', ...config.tls };
  return { kind: 'own', names: [...(values.name ?? []), ...config.names] };
}

function gatewayAddress(
  given: string | undefined,
  front: FrontAddress,
): GatewayAddress | undefined {
  if (given === 'off') return undefined;
  // With any free port for the front, the gateway uses any free port too.
  if (given === undefined) {
    return { host: '127.0.0.1', port: front.port === 0 ? 0 : 8444, optional: true };
  }
  const address = parseHostPort(given);
  if (address === undefined) {
    throw new UsageError(`--gateway is ${JSON.stringify(given)}; HOST:PORT or off is expected`);
  }
  return { host: address.host || '127.0.0.1', port: address.port, optional: false };
}

function instructions(url: string, { tls }: FrontAddress, caPath: string | undefined): string {
  if (tls.kind === 'none') {
    return `Clients need HTTPS: let the proxy in front of ${url} speak it.\n`;
  }
  const first = tls.kind === 'own' ? tls.names[0] : undefined;
  const shown = first === undefined ? url : url.replace(/\/\/(\[[^\]]*\]|[^:/]+)/, `//${first}`);
  const trust = caPath === undefined ? '' : `${trustInstructions(caPath)}\n`;
  return `${trust}Then add the remote:
  lxc remote add bucketstreams ${shown} --protocol=simplestreams
  incus remote add bucketstreams ${shown} --protocol=simplestreams
`;
}
