import path from 'node:path';

/** A parsed store URL. */
export type StoreLocation =
  | { readonly kind: 'directory'; /** Absolute. */ readonly path: string }
  | {
      readonly kind: 'bucket';
      readonly bucket: string;
      /** Absent: the SDK's configuration chain decides. */
      readonly region?: string;
      /** For services other than AWS: `https://host[:port]`, optionally with a path, without a slash at the end. */
      readonly endpoint?: string;
    };

const CREDENTIALS: StoreUrlProblem = {
  problem: 'holds credentials, and URLs are printed and logged',
  remedy: 'name their source with the setting credentials, or let the environment have them',
};

/** Why a store's URL cannot be used. */
export interface StoreUrlProblem {
  readonly problem: string;
  readonly remedy: string;
}

/**
 * Parses `file:./data`, `file:///srv/my%20images`, `s3://bucket` and `s3://bucket?endpoint=https://…&region=…`.
 * Relative directories start from `base`. Only a path after `file://` is percent-encoded. A StoreUrlProblem
 * contains no secret, but `text` may: see `withoutSecrets`.
 */
export function parseStoreUrl(text: string, base: string): StoreLocation | StoreUrlProblem {
  if (text.includes('\0')) return no('holds a NUL character', 'write the URL without it');
  if (/^file:/i.test(text)) return directory(text.slice('file:'.length), base);
  if (/^s3:/i.test(text)) return bucket(text.slice('s3:'.length));
  return no('is no store URL', 'write file:DIRECTORY or s3://BUCKET?region=REGION');
}

/** Removes the parts of a store's URL that may be secret, for use in a message. Accepts malformed URLs too. */
export function withoutSecrets(text: string): string {
  return text.replace(/\/\/.*@/s, '//…@').replace(/\?.*/s, '?…');
}

export function isStoreProblem(value: StoreLocation | StoreUrlProblem): value is StoreUrlProblem {
  return 'problem' in value;
}

/** Returns a text that is the same for all URLs of one store, whatever their region and spelling. */
export function storeIdentity(location: StoreLocation): string {
  if (location.kind === 'directory') return `file:${location.path}`;
  // Bucket names are unique in all of AWS, and within every other service.
  return `s3:${location.endpoint ?? 'aws'}/${location.bucket}`;
}

/** Returns a URL from which `parseStoreUrl` gives the same location, with any `base`. */
export function storeUrl(location: StoreLocation): string {
  if (location.kind === 'directory') return `file:${location.path}`;
  const query = [
    location.endpoint && `endpoint=${encodeURIComponent(location.endpoint)}`,
    location.region && `region=${location.region}`,
  ].filter((part) => part !== undefined);
  return `s3://${location.bucket}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function directory(name: string, base: string): StoreLocation | StoreUrlProblem {
  if (name === '') return no('names no directory', 'write file:DIRECTORY');
  if (!name.startsWith('//')) return { kind: 'directory', path: path.resolve(base, name) };
  if (!/^\/\/(localhost)?\//i.test(name)) {
    return no('names a host, so no local directory', 'write file:DIRECTORY or file:///DIRECTORY');
  }
  if (/[?#]/.test(name)) {
    return no('has a "?" or a "#" after file://', 'write them as %3F and %23, or file:DIRECTORY');
  }
  try {
    const encoded = name.slice(name.indexOf('/', 2));
    const decoded = decodeURIComponent(encoded);
    if (!decoded.includes('\0')) return { kind: 'directory', path: path.resolve(decoded) };
  } catch {
    // Same problem as a NUL character: see the return below.
  }
  return no('is badly encoded', 'write a "%" as %25, or file:DIRECTORY');
}

function bucket(rest: string): StoreLocation | StoreUrlProblem {
  // A secret key may contain slashes.
  if (/^\/\/[^?]*@/.test(rest)) return CREDENTIALS;
  const [, name, query = ''] = /^\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(rest) ?? [];
  if (name === undefined) {
    return no('is not a bucket alone', 'write s3://BUCKET?region=REGION, without a path');
  }
  const parameters = new URLSearchParams(query);
  for (const [key] of parameters) {
    if (/key|secret|token|password/i.test(key)) return CREDENTIALS;
    if (!['region', 'endpoint'].includes(key) || parameters.getAll(key).length > 1) {
      const shown = /^\w{1,20}$/.test(key) ? `the parameter ${key}` : 'a parameter that is';
      return no(`has ${shown}, unknown or twice`, 'region and endpoint are known, each once');
    }
  }
  const region = parameters.get('region') ?? undefined;
  const endpoint = parameters.get('endpoint') ?? undefined;
  const server = endpoint === undefined ? undefined : serverOf(endpoint);
  if (typeof server === 'object') return server;
  if (!bucketFits(name, server !== undefined)) {
    return no(
      `names the bucket ${JSON.stringify(name)}, which cannot be`,
      'a bucket has 3 to 63 lower case letters, digits, dots and dashes',
    );
  }
  if (region !== undefined && !regionFits(region, server !== undefined)) {
    const which = server === undefined ? 'AWS cannot have' : 'cannot be';
    return no(
      `has the region ${JSON.stringify(region)}, which ${which}`,
      'write one such as eu-central-1',
    );
  }
  return {
    kind: 'bucket',
    bucket: name,
    ...(region && { region }),
    ...(server && { endpoint: server }),
  };
}

/** Returns the URL of another service, without a slash at the end. Some services have their S3 API below a path. */
function serverOf(text: string): string | StoreUrlProblem {
  const url = URL.parse(text);
  if (url?.username || url?.password)
    return no('has credentials in its endpoint', CREDENTIALS.remedy);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    return no('has an endpoint that is no URL of a server', 'write endpoint=https://HOST:PORT');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** Other services may allow capital letters and underscores, as S3 did in its first years. */
function bucketFits(name: string, otherService: boolean): boolean {
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return false;
  return otherService
    ? /^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$/.test(name)
    : /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name);
}

const AWS_REGION =
  /^[a-z]{2,4}(-[a-z]+)?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-\d{1,2}$/;

/** Other services choose their own region names, such as `auto` or `garage`. */
function regionFits(region: string, otherService: boolean): boolean {
  return otherService ? /^[A-Za-z0-9_-]+$/.test(region) : AWS_REGION.test(region);
}

function no(problem: string, remedy: string): StoreUrlProblem {
  return { problem, remedy };
}
