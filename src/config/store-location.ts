import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A store's URL, understood. */
export type StoreLocation =
  | { readonly kind: 'directory'; /** Absolute. */ readonly path: string }
  | {
      readonly kind: 'bucket';
      readonly bucket: string;
      /** Absent: the SDK's chain decides. */
      readonly region?: string;
      /** Of a service other than AWS: `https://host[:port]`, without a path. */
      readonly endpoint?: string;
    };

/** Why a store's URL cannot be used. */
export interface StoreUrlProblem {
  readonly problem: string;
  readonly remedy: string;
}

/**
 * Reads `file:./data`, `file:/srv/images`, `s3://bucket` and `s3://bucket?endpoint=https://…&region=…`.
 * Relative directories start from `base`.
 */
export function parseStoreUrl(text: string, base: string): StoreLocation | StoreUrlProblem {
  if (text.startsWith('file:')) return directory(text, base);
  if (text.startsWith('s3:')) return bucket(text);
  return no('is no store URL', 'write file:DIRECTORY or s3://BUCKET?region=REGION');
}

export function isStoreProblem(value: StoreLocation | StoreUrlProblem): value is StoreUrlProblem {
  return 'problem' in value;
}

/** The same text for the same store: two URLs of one store differ in region or spelling at most. */
export function storeIdentity(location: StoreLocation): string {
  if (location.kind === 'directory') return `file:${location.path}`;
  // Names of buckets are unique in all of AWS, and within any other service.
  return `s3:${location.endpoint ?? 'aws'}/${location.bucket}`;
}

/** The URL as `parseStoreUrl` reads it again from anywhere. */
export function storeUrl(location: StoreLocation): string {
  if (location.kind === 'directory') return `file:${location.path}`;
  const query = [
    location.endpoint && `endpoint=${encodeURIComponent(location.endpoint)}`,
    location.region && `region=${location.region}`,
  ].filter((part) => part !== undefined);
  return `s3://${location.bucket}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function directory(text: string, base: string): StoreLocation | StoreUrlProblem {
  if (!text.startsWith('file://')) {
    const name = text.slice('file:'.length);
    if (name === '') return no('names no directory', 'write file:DIRECTORY');
    return { kind: 'directory', path: path.resolve(base, name) };
  }
  try {
    return { kind: 'directory', path: path.resolve(fileURLToPath(text)) };
  } catch {
    return no('names no local directory', 'write file:DIRECTORY or file:///DIRECTORY');
  }
}

function bucket(text: string): StoreLocation | StoreUrlProblem {
  if (/^s3:\/\/[^/?]*@/.test(text)) {
    return no('holds credentials', 'name their source with credentials = "env:PREFIX" instead');
  }
  const [, name, query = ''] = /^s3:\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(text) ?? [];
  if (name === undefined) {
    return no('is more than a bucket', 'write s3://BUCKET?region=REGION, without a path');
  }
  if (!/^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    return no(
      `names the bucket ${JSON.stringify(name)}, which cannot be`,
      'a bucket has 3 to 63 lower case letters, digits, dots and dashes',
    );
  }
  const parameters = new URLSearchParams(query);
  for (const [key] of parameters) {
    const known = key === 'region' || key === 'endpoint';
    if (!known || parameters.getAll(key).length > 1) {
      return no(
        `has the parameter ${key}, unknown or twice`,
        'region and endpoint are known, each once',
      );
    }
  }
  const region = parameters.get('region') ?? undefined;
  const endpointText = parameters.get('endpoint') ?? undefined;
  const endpoint = endpointText === undefined ? undefined : originOf(endpointText);
  if (endpointText !== undefined && endpoint === undefined) {
    return no('has an endpoint that is no URL of a server', 'write endpoint=https://HOST:PORT');
  }
  if (region !== undefined && !regionFits(region, endpoint !== undefined)) {
    return no(
      `has the region ${JSON.stringify(region)}, which AWS cannot have`,
      'write one such as eu-central-1',
    );
  }
  return { kind: 'bucket', bucket: name, ...(region && { region }), ...(endpoint && { endpoint }) };
}

function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined;
  return url.pathname === '/' && !url.search && !url.hash ? url.origin : undefined;
}

const AWS_REGION =
  /^[a-z]{2,4}(-[a-z]+)?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d{1,2}$/;

/** Other services call regions what they like: `auto`, `garage`. */
function regionFits(region: string, otherService: boolean): boolean {
  return otherService ? /^[A-Za-z0-9_-]+$/.test(region) : AWS_REGION.test(region);
}

function no(problem: string, remedy: string): StoreUrlProblem {
  return { problem, remedy };
}
