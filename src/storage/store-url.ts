/** A store's URL, taken apart. */
export type StoreUrl =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly endpoint?: string;
      readonly region?: string;
    };

/** A store URL or a `credentials` setting that says nothing we can use. The message is for the user. */
export class StoreUrlError extends Error {
  override readonly name = 'StoreUrlError';
}

const FORMS =
  'Write file:./folder, file:///folder, s3://bucket or s3://bucket?endpoint=https://host&region=name.';
/** S3's rules, and the capitals and underscores that other services and old buckets have. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
const PARAMETERS = ['endpoint', 'region'];

/**
 * Takes `file:./data`, `file:///absolute`, `s3://bucket` and `s3://bucket?endpoint=…&region=…`; text without
 * a scheme is the path of a directory. Throws StoreUrlError. Credentials in a URL are refused: URLs are
 * printed and logged.
 */
export function parseStoreUrl(text: string): StoreUrl {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  if (text === '') throw new StoreUrlError(`The store's URL is empty. ${FORMS}`);
  if (text.includes('\0')) throw new StoreUrlError("The store's URL holds a NUL character.");
  if (scheme === undefined) return { kind: 'directory', path: text };
  if (scheme === 'file') return parseFile(text);
  if (scheme === 's3') return parseS3(text);
  throw new StoreUrlError(
    `The store's URL ${hidden(text)} has an unknown scheme, ${scheme}:. ${FORMS}`,
  );
}

/** Only `file:///` URLs are encoded (`%20`); what follows `file:` alone is a path as it stands. */
function parseFile(text: string): StoreUrl {
  const rest = text.slice('file:'.length);
  if (rest === '') throw new StoreUrlError(`The store's URL ${text} names no folder. ${FORMS}`);
  if (!rest.startsWith('//')) return { kind: 'directory', path: rest };
  if (!rest.startsWith('///')) {
    throw new StoreUrlError(
      `The store's URL ${hidden(text)} names a host. Write file:./folder or file:///folder.`,
    );
  }
  try {
    return { kind: 'directory', path: decodeURIComponent(rest.slice(2)) };
  } catch {
    throw new StoreUrlError(`The store's URL ${text} is badly encoded: write a "%" as %25.`);
  }
}

function parseS3(text: string): StoreUrl {
  const url = /^s3:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    throw new StoreUrlError(`The store's URL ${hidden(text)} cannot be read. ${FORMS}`);
  }
  if (url.username !== '' || url.password !== '') throw withCredentials(text);
  if (!BUCKET.test(url.host)) {
    throw new StoreUrlError(
      `The store's URL ${hidden(text)} names no bucket: "${url.host}" is no bucket's name. ${FORMS}`,
    );
  }
  if (!['', '/'].includes(url.pathname) || url.hash !== '') {
    throw new StoreUrlError(
      `The store's URL ${hidden(text)} goes below the bucket; a store is a whole bucket. Write s3://${url.host}.`,
    );
  }
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) {
      throw /key|secret|token|password/i.test(name)
        ? withCredentials(text)
        : new StoreUrlError(
            `The store's URL ${hidden(text)} has an unknown parameter, ${name}. Known: ${PARAMETERS.join(', ')}.`,
          );
    }
  }
  const endpoint = url.searchParams.get('endpoint');
  const region = url.searchParams.get('region');
  return {
    kind: 's3',
    bucket: url.host,
    ...(endpoint === null ? {} : { endpoint: parseEndpoint(text, endpoint) }),
    ...(region === null || region === '' ? {} : { region }),
  };
}

function parseEndpoint(text: string, endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.username || url?.password) throw withCredentials(text);
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.search === '') {
    return endpoint.replace(/\/+$/, '');
  }
  throw new StoreUrlError(
    `The endpoint in the store's URL ${hidden(text)} is no http or https URL. Write endpoint=https://host[:port].`,
  );
}

function withCredentials(text: string): StoreUrlError {
  return new StoreUrlError(
    `The store's URL ${hidden(text)} holds credentials, and URLs are printed and logged. Set them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE) or by the setting "credentials".`,
  );
}

/** The URL without what may be a secret. */
function hidden(text: string): string {
  return text.replace(/\/\/[^/?#]*@/g, '//…@').replace(/\?.*/, '?…');
}
