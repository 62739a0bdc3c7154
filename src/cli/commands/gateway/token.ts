import { readServerRecord } from '../../../gateway/server-record.ts';
import { trustFolder } from '../../../gateway/server.ts';
import { encodeToken } from '../../../gateway/token.ts';
import { TrustStore } from '../../../gateway/trust-store.ts';
import { parseSha256, type Sha256 } from '../../../images/digests.ts';
import { formatHostPort } from '../../../net/host-port.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../../console/command.ts';
import { CommandError, type ExitCode } from '../../console/exit.ts';
import { texts, value } from '../../console/options.ts';
import type { Terminal } from '../../console/terminal.ts';
import {
  allowPatterns,
  checkTokenName,
  DEFAULT_LIFETIME,
  tokenLifetime,
} from '../../shared/gateway-values.ts';
import { withStore } from '../../shared/store-options.ts';
import {
  addressOf,
  certificateOf,
  namesOf,
  withAddressOptions,
  type AddressValues,
} from './options.ts';

export function tokenCommand(run: ProgramRun) {
  const command = new ConsoleCommand('token', run)
    .summary('Print a token with which one client can join')
    .description(
      'Prints a token with which one client, to be known as NAME, can join once: lxc remote add hub TOKEN.',
    )
    .argument('<NAME>')
    .addOption(
      texts(
        '--allow <PATTERN>',
        'Products that the client may publish, such as iats/* or */*/*/default. Default: all.',
      ),
    )
    .addOption(
      value(
        '--expiry <SECONDS>',
        'How long the token can be used, at most a year. Default: 86400.',
        tokenLifetime,
      ),
    )
    .option('--json', 'Print one JSON object.');
  return withAddressOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams gateway token laptop',
        "bucketstreams gateway token laptop --name hub.example.org --allow 'iats/*'",
      ),
    )
    .action(async (name, _values, command) => {
      run.exitCode = await token(name, command.optsWithGlobals(), run.terminal);
    });
}

interface TokenValues extends AddressValues {
  readonly allow?: readonly string[];
  /** Milliseconds. */
  readonly expiry?: number;
  readonly json?: boolean;
}

async function token(name: string, values: TokenValues, terminal: Terminal): Promise<ExitCode> {
  checkTokenName(name);
  const { expiry = DEFAULT_LIFETIME } = values;
  const allow = allowPatterns(values.allow ?? []);
  return withStore({ values, terminal, logLevel: 'info' }, async ({ stateDir }) => {
    const state = values.state ?? stateDir;
    const trust = new TrustStore(trustFolder(state));
    const record = await readServerRecord(trustFolder(state));
    const named = values.name !== undefined || values.port !== undefined;
    const { port } = addressOf(values);
    const addresses =
      record && !named
        ? record.addresses
        : namesOf(values).map((host) => formatHostPort({ host, port }));
    const serverFingerprint = record?.fingerprint ?? (await ownFingerprint(values, state));
    const expiresAt = new Date(Date.now() + expiry).toISOString();
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

/** Returns the fingerprint of the certificate that a gateway with these options will have. */
async function ownFingerprint(values: AddressValues, state: string): Promise<Sha256> {
  const fingerprint = parseSha256((await certificateOf(values, state)).sha256);
  if (fingerprint) return fingerprint;
  throw new CommandError('the certificate has no SHA-256');
}
