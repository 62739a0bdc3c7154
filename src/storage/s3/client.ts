import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { isObject, textOf } from '../../json/is-object.ts';
import { S3Wire } from './wire.ts';

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
  /** The same with less effort, for the most frequent requests. */
  readonly wire: S3Wire;
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
    onRequest = () => undefined,
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
    // The signature covers the SHA-256 of every body that is sent, and the server checks that.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
  });
  let ahead = 0;
  const serverTime = () => Date.now() + ahead;
  const onAnswer = ({ date }: { readonly date?: string | undefined }) => {
    const told = Date.parse(date ?? '');
    if (!Number.isNaN(told)) ahead = told - Date.now();
  };
  const wire = new S3Wire({ client, onRequest, onAnswer, serverTime });
  client.middlewareStack.add(
    (next, context) => async (args) => {
      onRequest((context.commandName ?? '').replace(/Command$/, ''));
      const result = await next(args);
      const { status, date } = factsOf(result.response);
      onAnswer({ date });
      if (status === 200 && 'Key' in args.input && typeof args.input.Key === 'string') {
        wire.learn(args.input.Key, args.request);
      }
      return result;
    },
    // The innermost step: once for each request that goes out.
    { step: 'deserialize', priority: 'low', name: 'observeRequests' },
  );
  return { client, wire, serverTime };
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

function factsOf(response: unknown): { status?: number; date?: string } {
  // The SDK's response is an object of a class; its members may not be its own.
  if (!isObject(response)) return {};
  const { statusCode: status, headers } = response;
  const date = textOf(headers, 'date');
  return {
    ...(typeof status === 'number' ? { status } : {}),
    ...(date === undefined ? {} : { date }),
  };
}
