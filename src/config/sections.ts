import path from 'node:path';
import { IMAGES_MAX_AGE, STREAMS_MAX_AGE } from '../facts/delivery-policy.ts';
import { DEFAULT_DEPLOYMENT, deploymentNameProblem } from '../facts/deployment-names.ts';
import type {
  DeliveryConfig,
  DeploymentConfig,
  LogConfig,
  MirrorConfig,
  RetentionConfig,
  ServeConfig,
} from './config.ts';
import type { TableReader } from './table-reader.ts';

const DAY = 86_400;
const YEAR = 365 * DAY;

/** `[delivery]`. */
export function readDelivery(table: TableReader, mirrors: readonly MirrorConfig[]): DeliveryConfig {
  const domains = table.strings('domains') ?? [];
  const bad = domains.find((name) => !DOMAIN.test(name));
  if (bad !== undefined) {
    const problem = `has ${JSON.stringify(bad)}, which is no domain name`;
    throw table.error('domains', problem, 'write names such as "images.example.org"');
  }
  const certificate = readCertificate(table, domains);
  const failover = table.string('failover');
  const mirror = mirrors.find(({ name }) => name === failover);
  if (failover !== undefined && mirror === undefined) {
    const names = mirrors.map(({ name }) => name).join(', ');
    const remedy = names === '' ? 'configure [mirrors.NAME] first' : `the mirrors are ${names}`;
    throw table.error('failover', `there is no mirror ${JSON.stringify(failover)}`, remedy);
  }
  const replicated = mirrors.some(({ copy }) => copy === 'replication');
  const delivery = {
    domains,
    ...(certificate !== undefined && { certificate }),
    ...(failover !== undefined && { failover }),
    streamsMaxAge: table.integer('streams_max_age', 0, DAY) ?? STREAMS_MAX_AGE,
    imagesMaxAge: table.integer('images_max_age', 0, YEAR) ?? IMAGES_MAX_AGE,
    // Replication would copy an overwritten object before the index function can check it.
    writeOnce: table.boolean('write_once') ?? replicated,
  };
  table.done();
  return delivery;
}

const DOMAIN =
  /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** CloudFront accepts only certificates of this region. */
const CERTIFICATE = /^arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate\/[A-Za-z0-9-]+$/;

function readCertificate(table: TableReader, domains: readonly string[]): string | undefined {
  const certificate = table.string('certificate');
  if (certificate === undefined) {
    if (domains.length === 0) return undefined;
    throw table.error(
      'domains',
      `${domains.join(', ')} without a certificate`,
      'write certificate = "arn:aws:acm:us-east-1:…", one that covers them all',
    );
  }
  if (!CERTIFICATE.test(certificate)) {
    throw table.error(
      'certificate',
      `${JSON.stringify(certificate)} is no certificate that CloudFront takes`,
      'write the ARN of one of AWS Certificate Manager in us-east-1',
    );
  }
  if (domains.length > 0) return certificate;
  throw table.error('certificate', 'is for no domain', 'write domains = ["…"] too, or remove it');
}

/** `[retention]`. */
export function readRetention(table: TableReader): RetentionConfig {
  const keep = table.integer('keep', 1, 1_000_000);
  const maxAgeDays = table.integer('max_age_days', 1, 100_000);
  const retention = {
    ...(keep !== undefined && { keep }),
    ...(maxAgeDays !== undefined && { maxAgeDays }),
    grace: table.integer('grace', 0, YEAR) ?? 7200,
  };
  table.done();
  return retention;
}

/** `[log]`. */
export function readLog(table: TableReader): LogConfig {
  const level = table.oneOf('level', ['debug', 'info', 'warn', 'error']);
  const format = table.oneOf('format', ['text', 'json']) ?? 'text';
  table.done();
  return { ...(level !== undefined && { level }), format };
}

/** `[serve]`. Relative files and folders start from `base`. */
export function readServe(table: TableReader, base: string): ServeConfig {
  const absolute = (key: string) => {
    const file = table.string(key);
    return file === undefined ? undefined : path.resolve(base, file);
  };
  const http = table.boolean('http') ?? false;
  const certFile = absolute('tls_cert');
  const keyFile = absolute('tls_key');
  const first = certFile === undefined ? 'tls_key' : 'tls_cert';
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw table.error(first, 'stands alone', 'write tls_cert and tls_key, or neither');
  }
  if (http && certFile !== undefined) {
    throw table.error(first, 'is of no use with http = true', 'remove one of the two');
  }
  const state = absolute('state');
  const serve = {
    host: table.string('host') ?? '127.0.0.1',
    port: table.integer('port', 0, 65_535) ?? 8443,
    names: table.strings('names') ?? [],
    http,
    ...(certFile !== undefined && keyFile !== undefined && { tls: { certFile, keyFile } }),
    ...(state !== undefined && { state }),
    watch: table.boolean('watch') ?? true,
    scanEvery: table.number(table.nameOf('scan_every', 'enumerate_every'), 1, DAY) ?? 300,
    settle: table.number('settle', 0, 3600) ?? 1,
    idleTimeout: table.number('idle_timeout', 1, DAY) ?? 120,
  };
  table.done();
  return serve;
}

/** `[deployment]`. */
export function readDeployment(table: TableReader): DeploymentConfig {
  const name = table.string('name') ?? DEFAULT_DEPLOYMENT;
  const problem = deploymentNameProblem(name);
  if (problem !== undefined) {
    throw table.error('name', `is ${JSON.stringify(name)}`, problem);
  }
  const deployment = {
    name,
    destroyImages: table.boolean('destroy_images') ?? false,
    replicationTimeControl: table.boolean('replication_time_control') ?? false,
  };
  table.done();
  return deployment;
}
