import type { ServeConfig } from '../../config/config.ts';
import { trustInstructions } from '../../net/authority.ts';
import type { FrontAddress, GatewayAddress } from '../../local/start-local.ts';
import { wholeNumber } from '../console/arguments.ts';
import { defineCommand } from '../console/command.ts';
import { UsageError } from '../console/exit.ts';
import { LOCAL_OPTIONS, runLocal } from '../shared/local-options.ts';

export const serveCommand = defineCommand({
  name: 'serve',
  description: `Serves a store to LXD and Incus over HTTPS and keeps its public files true to its images: put images into the store, and seconds later clients find them. Once it accepts connections it prints one line with its URL on standard output; all else goes to standard error. It ends on SIGTERM or SIGINT.

On the first start it makes a certificate authority of its own and tells how clients come to trust it.`,
  logLevel: 'info',
  options: {
    ...LOCAL_OPTIONS,
    host: {
      type: 'string',
      value: 'HOST',
      help: 'Address to listen on; 0.0.0.0 for all. Default: 127.0.0.1.',
    },
    port: {
      type: 'string',
      value: 'PORT',
      help: 'Port to listen on; 0 for any free one. Default: 8443.',
    },
    name: {
      type: 'string',
      value: 'NAME',
      multiple: true,
      help: 'A further host name or address that the certificate is to cover.',
    },
    'tls-cert': {
      type: 'string',
      value: 'FILE',
      help: 'A certificate of your own, PEM, with its chain.',
    },
    'tls-key': { type: 'string', value: 'FILE', help: 'The private key of --tls-cert, PEM.' },
    http: { type: 'boolean', help: 'Serve plain HTTP, for behind a proxy that does TLS.' },
    gateway: {
      type: 'string',
      value: 'HOST:PORT',
      help: 'Where lxc and incus put images in, see `bucketstreams gateway --help`; off for nowhere. Default: 127.0.0.1:8444, where that is free.',
    },
    'no-watch': {
      type: 'boolean',
      help: 'Only serve: something else (watch, update) keeps the public files up to date.',
    },
  },
  examples: [
    'bucketstreams serve',
    'bucketstreams serve --store file:/srv/images --host 0.0.0.0 --name images.example.org',
    'bucketstreams serve --store s3://images --http --port 8080',
  ],
  run: (invocation) => {
    const { values, terminal } = invocation;
    return runLocal(invocation, {
      front: (config) => frontAddress(values, config),
      gateway: (front) => gatewayAddress(values.gateway, front),
      watch: (config) => values['no-watch'] !== true && config.watch,
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
    });
  },
});

interface FrontValues {
  readonly host?: string;
  readonly port?: string;
  readonly name?: readonly string[];
  readonly 'tls-cert'?: string;
  readonly 'tls-key'?: string;
  readonly http?: boolean;
}

function frontAddress(values: FrontValues, config: ServeConfig): FrontAddress {
  const host = values.host ?? config.host;
  const port = wholeNumber('--port', values.port, { max: 65_535 }) ?? config.port;
  return { host, port, tls: tlsOf(values, config), idleTimeout: config.idleTimeout * 1000 };
}

function tlsOf(values: FrontValues, config: ServeConfig): FrontAddress['tls'] {
  const { 'tls-cert': certFile, 'tls-key': keyFile, http } = values;
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

function gatewayAddress(text: string | undefined, front: FrontAddress): GatewayAddress | undefined {
  if (text === 'off') return undefined;
  // Whoever serves at any free port does not mean a fixed one here.
  if (text === undefined) {
    return { host: '127.0.0.1', port: front.port === 0 ? 0 : 8444, optional: true };
  }
  const [, host = '', digits] = /^(?:\[?([^[\]]*?)\]?:)?(\d+)$/.exec(text) ?? [];
  const port = wholeNumber('--gateway', digits, { max: 65_535 });
  if (port === undefined) {
    throw new UsageError(`--gateway is ${JSON.stringify(text)}; HOST:PORT or off is expected`);
  }
  return { host: host === '' ? '127.0.0.1' : host, port, optional: false };
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
