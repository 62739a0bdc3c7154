import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/** Whose rights a store is used with. */
export type S3Credentials =
  | { readonly kind: 'default' }
  | { readonly kind: 'profile'; readonly name: string }
  | {
      readonly kind: 'keys';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string;
    };

export interface S3ClientOptions {
  /** Of another service than AWS: `https://host[:port]`. Buckets are then addressed by path. */
  readonly endpoint?: string;
  /** Default: the SDK's (AWS_REGION, the profile's); `us-east-1` with an endpoint. */
  readonly region?: string;
  /** Default: the SDK's chain. */
  readonly credentials?: S3Credentials;
  /** Called before each HTTP request, a retried one too, with the operation's name (`PutObject`…). */
  readonly onRequest?: (operationName: string) => void;
  /** How often a request is tried. Default: 4. */
  readonly maxAttempts?: number;
}

export interface S3Connection {
  readonly client: S3Client;
  /** Milliseconds since 1970 by the server's clock, as its last answer told it (to a second). */
  serverTime(): number;
}

const CONNECT_MS = 5_000;
/** Servers may be silent for long while they assemble a large object. */
const SILENCE_MS = 120_000;

export function connectS3(options: S3ClientOptions): S3Connection {
  const {
    endpoint,
    region,
    credentials = { kind: 'default' },
    onRequest,
    maxAttempts = 4,
  } = options;
  const place: S3ClientConfig =
    endpoint === undefined
      ? { ...(region === undefined ? {} : { region }), followRegionRedirects: true }
      : { endpoint, region: region ?? 'us-east-1', forcePathStyle: true };
  const client = new S3Client({
    ...place,
    ...identity(credentials),
    maxAttempts,
    // Whoever needs to know the bytes hashes them; a second checksum over them costs, and proves less.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
  });
  let ahead = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      onRequest?.((context.commandName ?? '').replace(/Command$/, ''));
      const result = await next(args);
      const told = Date.parse(dateOf(result.response) ?? '');
      if (!Number.isNaN(told)) ahead = told - Date.now();
      return result;
    },
    // The innermost step: once for each request that goes out.
    { step: 'deserialize', priority: 'low', name: 'observeRequests' },
  );
  return { client, serverTime: () => Date.now() + ahead };
}

function identity(credentials: S3Credentials): S3ClientConfig {
  switch (credentials.kind) {
    case 'default':
      return {};
    case 'profile':
      return { profile: credentials.name };
    case 'keys':
      return { credentials };
  }
}

function dateOf(response: unknown): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response))
    return undefined;
  const headers: unknown = response.headers;
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined;
  return typeof headers.date === 'string' ? headers.date : undefined;
}
