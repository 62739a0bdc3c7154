import { readFileSync } from 'node:fs';
import { ConfigError } from '../src/config/config-error.ts';
import type { Config, MirrorConfig } from '../src/config/config.ts';
import { sourceLines } from '../src/config/source-lines.ts';
import type { StoreLocation } from '../src/storage/location.ts';
import { bundle } from './bundle.ts';
import type { Deployment, MirrorPlan } from './deployment.ts';

export interface DeploymentPlan {
  readonly deployment: Deployment;
  /** Parts of the configuration that no deployment can provide, for the user. */
  readonly warnings: readonly string[];
}

/**
 * Converts a configuration to a deployment on AWS. Throws a ConfigError when it cannot be deployed.
 *
 * @param fallbackRegion The region of the master when its URL names none.
 */
export function deploymentOf(config: Config, fallbackRegion?: string): DeploymentPlan {
  const fail = failing(config.file);
  const master = bucketOf(config.store.location, ['store', 'master'], fallbackRegion, fail);
  const inside = config.mirrors.filter(isOnAws);
  const outside = config.mirrors.filter((mirror) => !isOnAws(mirror));
  const { delivery, log, publish } = config;
  if (delivery.failover !== undefined && outside.some(({ name }) => name === delivery.failover)) {
    const remedy = 'name a mirror that is a bucket on AWS';
    throw fail(['delivery', 'failover'], 'CloudFront cannot fail over to another service', remedy);
  }
  const deployment: Deployment = {
    deployment: config.deployment.name,
    ...master,
    mirrors: inside.map((mirror) => mirrorPlan(mirror, fail)),
    ...(delivery.failover === undefined ? {} : { failover: delivery.failover }),
    domains: delivery.domains,
    ...(delivery.certificate === undefined ? {} : { certificate: delivery.certificate }),
    maxAge: { streams: delivery.streamsMaxAge, images: delivery.imagesMaxAge },
    writeOnce: delivery.writeOnce,
    settings: {
      clients: publish.clients,
      aliases: publish.aliases,
      edgeSeconds: delivery.imagesMaxAge,
    },
    logLevel: log.level ?? 'info',
    destroyImages: config.deployment.destroyImages,
    replicationTimeControl: config.deployment.replicationTimeControl,
    bundle,
  };
  return {
    deployment,
    warnings: outside.map(
      ({ name }) =>
        `The mirror ${name} is no bucket on AWS: nothing is deployed for it. ` +
        `Keep it with \`bucketstreams mirror sync ${name}\` or \`serve\` where it can be reached.`,
    ),
  };
}

type Fail = (key: readonly string[], problem: string, remedy: string) => ConfigError;

function failing(file: string | undefined): Fail {
  const known = file ?? 'bucketstreams.toml';
  const lineOf = file === undefined ? undefined : sourceLines(readFileSync(file, 'utf8'));
  return (key, problem, remedy) =>
    new ConfigError({ file: known, line: lineOf?.(key), key: key.join('.') }, problem, remedy);
}

/** Other services are reached from the machine that has the configuration, not from AWS. */
function isOnAws({ location }: MirrorConfig): boolean {
  return location.kind === 'bucket' && location.endpoint === undefined;
}

function bucketOf(
  location: StoreLocation,
  key: readonly string[],
  fallbackRegion: string | undefined,
  fail: Fail,
): { readonly bucket: string; readonly region: string } {
  if (location.kind === 'directory' || location.endpoint !== undefined) {
    const problem = 'only a bucket on AWS can be deployed';
    throw fail(key, problem, `write ${key.at(-1) ?? ''} = "s3://BUCKET?region=REGION"`);
  }
  const { bucket, region = fallbackRegion } = location;
  if (region === undefined) {
    throw fail(key, 'names no region', `write "s3://${bucket}?region=REGION"`);
  }
  if (bucket.includes('.')) {
    const problem = `the bucket ${bucket} has a dot, so CloudFront cannot reach it over TLS`;
    throw fail(key, problem, 'choose a name with dashes');
  }
  return { bucket, region };
}

function mirrorPlan(mirror: MirrorConfig, fail: Fail): MirrorPlan {
  const { name, copy, include, exclude, newest } = mirror;
  const key = ['mirrors', name, 'store'];
  const target = bucketOf(mirror.location, key, undefined, fail);
  if (mirror.credentials.kind !== 'default') {
    const problem = 'a deployed mirror is kept by its function’s own role';
    throw fail(['mirrors', name, 'credentials'], problem, 'remove it');
  }
  return {
    name,
    ...target,
    copy,
    settings: {
      store: `s3://${target.bucket}?region=${target.region}`,
      copy,
      include,
      exclude,
      ...(newest === undefined ? {} : { newest }),
    },
  };
}
