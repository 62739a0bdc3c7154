import { hostname, networkInterfaces } from 'node:os';

import type { Logger } from '../log/logger.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { startGateway } from '../gateway/server.ts';
import { startFront, type Front } from './front/server.ts';
import { ListenError } from '../net/listen.ts';
import { startMirrors, type MirrorsOptions } from '../mirrors/follow.ts';
import { repeat } from './periodic.ts';
import { startService } from './keep-store.ts';
import { type ChangeSource } from './changes/change-source.ts';
import { writeScanRecord } from './scan-record.ts';
import { ensureCertificate, loadCertificate, type ServerCertificate } from '../net/authority.ts';

export interface LocalOptions {
  readonly context: PipelineContext;
  /** For certificates and the record of the last scan. Created when missing, accessible to this user only. */
  readonly stateDir: string;
  /** Absent: nothing is served. */
  readonly front?: FrontAddress;
  /** Where the gateway receives images from lxc and incus. Absent: no gateway. */
  readonly gateway?: GatewayAddress;
  /** Absent: the public files are served as they are. */
  readonly indexing?: {
    readonly sources: readonly ChangeSource[];
    readonly scanEveryMs: number;
    readonly removalGraceMs: number;
    /** See ServiceOptions. */
    readonly guard: boolean;
  };
  /** Mirrors to keep up to date with this store. */
  readonly mirrors?: Omit<MirrorsOptions, 'context'>;
}

export interface FrontAddress {
  readonly host: string;
  readonly port: number;
  /** Milliseconds without traffic after which a connection is closed. Default: the front's. */
  readonly idleTimeout?: number;
  readonly tls:
    | { readonly kind: 'none' }
    /** Further names and addresses for the certificate. */
    | { readonly kind: 'own'; readonly names: readonly string[] }
    | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string };
}

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  /** True: when the gateway cannot listen there, everything else runs without it. */
  readonly optional: boolean;
}

export interface Local {
  /** Absent without a front. */
  readonly url?: string;
  /** Absent without a gateway. */
  readonly gatewayUrl?: string;
  /** The path of the authority that clients must trust; absent without one of our own. */
  readonly caPath?: string;
  close(): Promise<void>;
}

/** Milliseconds that downloads have to end when the server closes. */
const CLOSE_GRACE_MS = 2000;
const DAY_MS = 86_400_000;

/**
 * The local mode: keeps a store's public files up to date with its images and serves them. Resolves when requests
 * are accepted and the first scan is published. When it rejects, everything that was started is stopped.
 */
export async function startLocal(options: LocalOptions): Promise<Local> {
  const { context, stateDir, front: address, indexing } = options;
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    await Promise.all(closers.splice(0).map((end) => end()));
  };
  try {
    let served: { readonly front: Front; readonly caPath?: string } | undefined;
    if (address) {
      served = await openFront(context, stateDir, address);
      const { front } = served;
      closers.push(() => front.close(CLOSE_GRACE_MS));
      const renewal = renew(front, stateDir, address, context.log);
      closers.push(() => renewal.close());
    }
    const gateway = options.gateway && (await openGateway(options, options.gateway));
    if (gateway) closers.push(...gateway.closers);
    if (indexing) {
      const onScan = recorder(stateDir, context.log);
      const service = await startService({ context, ...indexing, onScan });
      closers.push(() => service.close());
    }
    if (options.mirrors) {
      const mirrors = startMirrors({ context, ...options.mirrors });
      closers.push(() => mirrors.close());
    }
    return {
      ...(served && { url: served.front.url, caPath: served.caPath }),
      ...(gateway && { gatewayUrl: gateway.url }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openFront(
  { store, log, documents }: PipelineContext,
  stateDir: string,
  address: FrontAddress,
): Promise<{ readonly front: Front; readonly caPath?: string }> {
  const certificate = await certificateFor(stateDir, address);
  const { host, port, idleTimeout } = address;
  const tls = certificate && { key: certificate.key, cert: certificate.cert };
  const front = await startFront({
    store,
    documents,
    host,
    port,
    log,
    idleTimeout,
    ...(tls && { tls }),
  });
  return { front, ...(certificate?.caPath !== undefined && { caPath: certificate.caPath }) };
}

/** Returns undefined when the gateway cannot listen and is optional. */
async function openGateway(
  { context, stateDir, front }: LocalOptions,
  { host, port, optional }: GatewayAddress,
): Promise<{ readonly url: string; readonly closers: (() => Promise<void>)[] } | undefined> {
  const { store, log } = context;
  const tls = front?.tls.kind === 'files' ? front.tls : ({ kind: 'own' } as const);
  const names = front?.tls.kind === 'own' ? front.tls.names : [];
  const certificate = () =>
    tls.kind === 'files'
      ? loadCertificate(tls)
      : ensureCertificate({ stateDir, hosts: [...addressesOf(front?.host ?? host), ...names] });
  try {
    const gateway = await startGateway({
      store,
      state: stateDir,
      host,
      port,
      log,
      tls: await certificate(),
      ...(host !== '127.0.0.1' && names.length > 0 && { names }),
    });
    const renewal = repeat(
      DAY_MS,
      async () => gateway.useCertificate(await certificate()),
      (error) => log('error', 'the certificate could not be renewed', { error: String(error) }),
    );
    const closers = [() => gateway.close(CLOSE_GRACE_MS), () => renewal.close()];
    return { url: gateway.url, closers };
  } catch (error) {
    if (!optional || !(error instanceof ListenError)) throw error;
    log('warn', 'the gateway did not start; lxc and incus cannot upload images', {
      reason: error.message,
    });
    return undefined;
  }
}

async function certificateFor(
  stateDir: string,
  { host, tls }: FrontAddress,
): Promise<(ServerCertificate & { readonly caPath?: string }) | undefined> {
  switch (tls.kind) {
    case 'none':
      return undefined;
    case 'files':
      return loadCertificate(tls);
    case 'own':
      return ensureCertificate({ stateDir, hosts: [...addressesOf(host), ...tls.names] });
  }
}

/** Loads the certificate every day: certificates expire and files are replaced while a server runs for months. */
function renew(front: Front, stateDir: string, address: FrontAddress, log: Logger) {
  return repeat(
    DAY_MS,
    async () => {
      const certificate = await certificateFor(stateDir, address);
      if (certificate) front.useCertificate(certificate);
    },
    (error) => log('error', 'the certificate could not be renewed', { error: String(error) }),
  );
}

/** Returns the addresses on which a host option listens. */
function addressesOf(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return [hostname(), ...addresses.filter(({ scopeid }) => !scopeid).map(({ address }) => address)];
}

function recorder(
  stateDir: string,
  log: Logger,
): (report: Parameters<typeof writeScanRecord>[1]) => void {
  return (report) => {
    writeScanRecord(stateDir, report).catch((error: unknown) => {
      log('warn', 'the scan could not be recorded for status', { error: String(error) });
    });
  };
}
