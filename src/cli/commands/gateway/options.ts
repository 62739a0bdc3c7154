import { hostname } from 'node:os';

import type { Command, OptionValues } from 'commander';

import {
  ensureCertificate,
  loadCertificate,
  type ServerCertificate,
} from '../../../net/authority.ts';
import { UsageError } from '../../console/exit.ts';
import { port, text, texts, value } from '../../console/options.ts';
import { checkedHost } from '../../shared/gateway-values.ts';
import type { StoreValues } from '../../shared/settings.ts';
import { withStoreOptions } from '../../shared/store-options.ts';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8444;

export interface StateValues extends StoreValues {
  readonly state?: string;
}

/** Where a gateway listens, and the names and certificate that its clients see. */
export interface AddressValues extends StateValues {
  readonly host?: string;
  readonly port?: number;
  readonly name?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Adds the options of every command about a gateway. */
export function withStateOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withStoreOptions(
    command.addOption(
      text(
        '--state <DIR>',
        'Where certificates and trusted clients are kept. Default: .bucketstreams in a directory store.',
      ),
    ),
  );
}

/** Adds the options of `withStateOptions` and of AddressValues. */
export function withAddressOptions<
  A extends unknown[],
  O extends OptionValues,
  G extends OptionValues,
>(command: Command<A, O, G>) {
  return withStateOptions(
    command
      .addOption(
        text('--host <HOST>', 'Address to listen on; 0.0.0.0 for all. Default: 127.0.0.1.'),
      )
      .addOption(
        value('--port <PORT>', 'Port to listen on; 0 for any free one. Default: 8444.', port),
      )
      .addOption(
        texts(
          '--name <NAME>',
          'A host name or address by which clients reach the gateway. Tokens hold it, and the certificate covers it. Default for a token: those of the gateway that was last started.',
        ),
      )
      .addOption(text('--tls-cert <FILE>', 'A certificate of your own, PEM, with its chain.'))
      .addOption(text('--tls-key <FILE>', 'The private key of --tls-cert, PEM.')),
  );
}

export function addressOf(values: AddressValues): { readonly host: string; readonly port: number } {
  return { host: values.host ?? DEFAULT_HOST, port: values.port ?? DEFAULT_PORT };
}

/** Returns the names and addresses by which clients reach the gateway. Throws UsageError. */
export function namesOf(values: AddressValues): readonly string[] {
  if (values.name && values.name.length > 0) return values.name.map(checkedHost);
  const { host } = addressOf(values);
  return host === '0.0.0.0' || host === '::' ? [hostname()] : [host];
}

/** Returns the certificate of a gateway with these options; creates it when there is none. */
export async function certificateOf(
  values: AddressValues,
  state: string,
): Promise<ServerCertificate> {
  const { tlsCert: certFile, tlsKey: keyFile } = values;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--tls-cert and --tls-key belong together; one is missing');
  }
  return certFile !== undefined && keyFile !== undefined
    ? loadCertificate({ certFile, keyFile })
    : ensureCertificate({ stateDir: state, hosts: namesOf(values) });
}
