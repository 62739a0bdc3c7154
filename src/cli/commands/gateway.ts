import { hostname } from 'node:os';

import { ensureCertificate, loadCertificate, type ServerCertificate } from '../../net/authority.ts';
import { startGateway, trustFolder, type GatewayLimits } from '../../gateway/server.ts';
import { encodeToken } from '../../gateway/token.ts';
import { TrustStore } from '../../gateway/trust-store.ts';
import { parseSha256, type Sha256 } from '../../images/digests.ts';
import { readServerRecord } from '../../gateway/server-record.ts';
import { wholeNumber, type OptionValues } from '../console/arguments.ts';
import { defineCommand, type Invocation } from '../console/command.ts';
import { CommandError, UsageError, type ExitCode } from '../console/exit.ts';
import {
  checkAllow,
  checkedHost,
  checkTokenName,
  tokenLifetime,
} from '../shared/gateway-values.ts';
import { STORE_OPTIONS, withStore } from '../shared/store-options.ts';
import { renderTable } from '../console/table.ts';
import { untilSignal } from '../console/until-signal.ts';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8444;

const OPTIONS = {
  ...STORE_OPTIONS,
  state: {
    type: 'string',
    value: 'DIRECTORY',
    help: 'Where certificates and trusted clients are kept. Default: .bucketstreams in a directory store.',
  },
  host: {
    type: 'string',
    value: 'HOST',
    help: 'Address to listen on; 0.0.0.0 for all. Default: 127.0.0.1.',
  },
  port: {
    type: 'string',
    value: 'PORT',
    help: 'Port to listen on; 0 for any free one. Default: 8444.',
  },
  name: {
    type: 'string',
    value: 'NAME',
    multiple: true,
    help: 'A host name or address by which clients reach the gateway. Tokens hold it, and the certificate covers it. token: default: those of the gateway that was last started.',
  },
  'tls-cert': {
    type: 'string',
    value: 'FILE',
    help: 'A certificate of your own, PEM, with its chain.',
  },
  'tls-key': { type: 'string', value: 'FILE', help: 'The private key of --tls-cert, PEM.' },
  'max-size': { type: 'string', value: 'BYTES', help: 'Largest image taken in. Default: 48 GiB.' },
  'max-uploads': {
    type: 'string',
    value: 'COUNT',
    help: 'Uploads at one time; others wait. Default: 4.',
  },
  allow: {
    type: 'string',
    value: 'PATTERN',
    multiple: true,
    help: 'token: the products the client may publish, such as iats/*, where * stands for anything. Default: all.',
  },
  expiry: {
    type: 'string',
    value: 'SECONDS',
    help: 'token: how long it can be used, at most a year. Default: 86400.',
  },
  json: { type: 'boolean', help: 'token, trust list: print JSON.' },
} as const;

type GatewayInvocation = Invocation<typeof OPTIONS>;
type GatewayValues = OptionValues<typeof OPTIONS>;

export const gatewayCommand = defineCommand({
  name: 'gateway',
  description: `Runs an HTTPS server that lxc and incus see as a private server which takes images in: lxc image copy, lxc image import and lxc publish put images into the store through it. It prints its URL on standard output once it accepts connections.

gateway token NAME prints a token with which one client can join, once: lxc remote add hub TOKEN. gateway trust list shows who has joined; gateway trust remove NAME shuts one out and withdraws the tokens for that name.`,
  logLevel: 'info',
  operands: { name: '[token NAME | trust list | trust remove NAME]', min: 0, max: 3 },
  options: OPTIONS,
  examples: [
    'bucketstreams gateway --host 0.0.0.0 --name hub.example.org',
    "bucketstreams gateway token laptop --name hub.example.org --allow 'iats/*'",
    'bucketstreams gateway trust list',
    'bucketstreams gateway trust remove laptop',
  ],
  run: (invocation): Promise<ExitCode> => {
    const [first, second, third, ...more] = invocation.operands;
    if (more.length > 0) throw new UsageError(`unexpected word ${JSON.stringify(more[0])}`);
    if (first === undefined) return serve(invocation);
    if (first === 'token' && second !== undefined && third === undefined) {
      return token(invocation, second);
    }
    if (first === 'trust' && second === 'list' && third === undefined) return listTrust(invocation);
    if (first === 'trust' && second === 'remove' && third !== undefined) {
      return removeTrust(invocation, third);
    }
    throw new UsageError(
      'write `gateway`, `gateway token NAME`, `gateway trust list` or `gateway trust remove NAME`',
    );
  },
});

async function serve(invocation: GatewayInvocation): Promise<ExitCode> {
  const { values, terminal, log } = invocation;
  const limits = limitsOf(values);
  return withStore(invocation, async ({ context, stateDir }) => {
    const state = values.state ?? stateDir;
    const tls = await certificate(values, state);
    const { host, port } = address(values);
    const gateway = await startGateway({
      store: context.store,
      state,
      host,
      port,
      tls,
      log,
      limits,
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

async function token(invocation: GatewayInvocation, name: string): Promise<ExitCode> {
  const { values, terminal } = invocation;
  checkTokenName(name);
  const lifetime = tokenLifetime(values.expiry);
  const allow = values.allow ?? [];
  checkAllow(allow);
  return withStore(invocation, async ({ stateDir }) => {
    const state = values.state ?? stateDir;
    const trust = new TrustStore(trustFolder(state));
    const record = await readServerRecord(trustFolder(state));
    const named = values.name !== undefined || values.port !== undefined;
    const { port } = address(values);
    const addresses =
      record && !named
        ? record.addresses
        : namesOf(values).map((host) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
    const serverFingerprint = record?.fingerprint ?? (await ownFingerprint(values, state));
    const expiresAt = new Date(Date.now() + lifetime).toISOString();
    const secret = await trust.createToken({ name, allow, expiresAt });
    const text = encodeToken({ name, serverFingerprint, addresses, secret, expiresAt });
    if (values.json) {
      terminal.out(JSON.stringify({ name, token: text, addresses, allow, expiresAt }) + '\n');
    } else terminal.out(`${text}\n`);
    if (!record && !named) {
      terminal.err(
        `bucketstreams: no gateway has run with the state folder ${state} yet, so the token is for ${addresses.join(', ')}; where clients reach the gateway by another address, make one with --name HOST and --port PORT\n`,
      );
    }
    return 0;
  });
}

async function listTrust(invocation: GatewayInvocation): Promise<ExitCode> {
  const { values, terminal } = invocation;
  return withStore(invocation, async ({ stateDir }) => {
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

async function removeTrust(invocation: GatewayInvocation, name: string): Promise<ExitCode> {
  return withStore(invocation, async ({ stateDir }) => {
    const trust = new TrustStore(trustFolder(invocation.values.state ?? stateDir));
    const { clients, tokens } = await trust.remove(name);
    if (clients.length === 0 && tokens.length === 0) {
      throw new CommandError(
        `no client has joined as ${name}, and no token for it is out; \`gateway trust list\` shows both`,
      );
    }
    for (const { name, fingerprint } of clients) {
      invocation.terminal.out(`${name} ${fingerprint}\n`);
    }
    for (const { name, expiresAt } of tokens) {
      invocation.terminal.out(`${name} token until ${expiresAt}\n`);
    }
    return 0;
  });
}

function address(values: GatewayValues): { readonly host: string; readonly port: number } {
  const port = wholeNumber('--port', values.port, { max: 65_535 }) ?? DEFAULT_PORT;
  return { host: values.host ?? DEFAULT_HOST, port };
}

/** Of the certificate that a gateway with these options will have. */
async function ownFingerprint(values: GatewayValues, state: string): Promise<Sha256> {
  const fingerprint = parseSha256((await certificate(values, state)).sha256);
  if (fingerprint) return fingerprint;
  throw new CommandError('the certificate has no SHA-256');
}

/** By what clients reach the gateway. */
function namesOf(values: GatewayValues): readonly string[] {
  if (values.name && values.name.length > 0) return values.name.map(checkedHost);
  const { host } = address(values);
  return host === '0.0.0.0' || host === '::' ? [hostname()] : [host];
}

async function certificate(values: GatewayValues, state: string): Promise<ServerCertificate> {
  const { 'tls-cert': certFile, 'tls-key': keyFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert and --tls-key belong together; one is missing');
  }
  return certFile !== undefined && keyFile !== undefined
    ? loadCertificate({ certFile, keyFile })
    : ensureCertificate({ stateDir: state, hosts: namesOf(values) });
}

function limitsOf(values: GatewayValues): Partial<GatewayLimits> {
  const size = wholeNumber('--max-size', values['max-size'], { min: 1 });
  const uploads = wholeNumber('--max-uploads', values['max-uploads'], { min: 1, max: 64 });
  return { ...(size !== undefined && { size }), ...(uploads !== undefined && { uploads }) };
}
