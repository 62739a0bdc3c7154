import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { issueCertificate } from '../servers/certificate.ts';
import { run } from '../command.ts';
import { installPythonPackages } from '../install/python-packages.ts';
import { freePort, startService } from '../services/service.ts';
import { temporaryFolder } from '../temporary.ts';
import { pythonProgram } from '../tools.ts';

/** An AWS on loopback that checks signatures and policies, and runs functions on this Node. */
export interface LocalAws extends AsyncDisposable {
  /** `https://127.0.0.1:port`, for every service and region. */
  readonly endpoint: string;
  readonly account: string;
  /** PEM files of the server's certificate, which is its own authority, and of its key. */
  readonly certificate: string;
  readonly key: string;
  /** Environment variables for programs that work there as the account's root. */
  readonly environment: NodeJS.ProcessEnv;
  /** The output so far, including the logs of the functions. */
  log(): string;
  /** Runs the AWS CLI and returns what it printed. */
  aws(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<string>;
}

const REGION = 'eu-central-1';

/** Starts an empty AWS. */
export async function startMinistack(): Promise<LocalAws> {
  const missing = await installPythonPackages();
  if (missing.length > 0) throw new Error(`This test needs ${missing.join('; ')}`);
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder()).path;
  const certificate = join(folder, 'certificate.pem');
  const key = join(folder, 'key.pem');
  await issueCertificate(certificate, key);
  const state = join(folder, 'state');
  await mkdir(state);

  const port = await freePort();
  const endpoint = `https://127.0.0.1:${port}`;
  const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const path = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const service = await startService({
    command: pythonProgram('ministack'),
    args: [],
    env: {
      ...credentials,
      // Ministack runs functions with the first `node` in PATH.
      PATH: path,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      MINISTACK_REGION: REGION,
      // Here too, policies that deny plain HTTP must apply.
      USE_SSL: '1',
      MINISTACK_SSL_CERT: certificate,
      MINISTACK_SSL_KEY: key,
      AUTH: 'true',
      AWS_ENDPOINT_URL: endpoint,
      NODE_EXTRA_CA_CERTS: certificate,
      TMPDIR: state,
      SFTP_ENABLED: '0',
      IOT_MTLS_ENABLED: '0',
    },
    healthUrl: `${endpoint}/_ministack/health`,
    ca: certificate,
  });
  resources.defer(() => service.stop());
  const environment = {
    ...credentials,
    PATH: path,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_CA_BUNDLE: certificate,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PROFILE: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_CONFIG_FILE: join(folder, 'none'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    NODE_EXTRA_CA_CERTS: certificate,
  };
  return {
    endpoint,
    account: '000000000000',
    certificate,
    key,
    environment,
    log: () => service.log(),
    aws: (args, more = {}) =>
      // Some services of the CLI do not read the endpoint from the environment.
      run(pythonProgram('aws'), ['--endpoint-url', endpoint, ...args], {
        env: { ...environment, ...more },
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
