import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { isObject, textOf } from '../../json/is-object.ts';
import { S3Wire } from './wire.ts';

/** The credentials that a store is used with. */
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
  /** For services other than AWS: `https://host[:port]`. Buckets are then addressed by path. */
  readonly endpoint?: string;
  /** Default: the SDK's choice (AWS_REGION, the profile); with an endpoint, `us-east-1`. */
  readonly region?: string;
  /** Default: the SDK's chain. */
  readonly credentials?: S3Credentials;
  /** Called before each HTTP request, including retries, with the operation's name (`PutObject`…). */
  readonly onRequest?: (operationName: string) => void;
  /** The greatest number of attempts for a request. Default: 4. */
  readonly maxAttempts?: number;
}

export interface S3Connection {
  readonly client: S3Client;
  /** Sends the most frequent requests with less processor time than `client`. */
  readonly wire: S3Wire;
  /** Milliseconds since 1970 by the server's clock, from its last response (accurate to a second). */
  serverTime(): number;
}

const CONNECT_MS = 5_000;
/** Servers may send nothing for a long time while they assemble a large object. */
const SILENCE_MS = 120_000;

export function connectS3(options: S3ClientOptions): S3Connection {
  const {
    endpoint,
    region,
    credentials = { kind: 'default' },
    onRequest = () => undefined,
    maxAttempts = 4,
  } = options;
  const address: S3ClientConfig =
    endpoint === undefined
      ? { ...(region === undefined ? {} : { region }), followRegionRedirects: true }
      : { endpoint, region: region ?? 'us-east-1', forcePathStyle: true };
  const client = new S3Client({
    ...address,
    ...identity(credentials),
    maxAttempts,
    // Callers that must verify the bytes hash them. A second checksum costs time and proves less.
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The signature covers the SHA-256 of every body, and the server checks it.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
  });
  let clockOffset = 0;
  const serverTime = () => Date.now() + clockOffset;
  const onResponse = ({ date }: { readonly date?: string | undefined }) => {
    const serverDate = Date.parse(date ?? '');
    if (!Number.isNaN(serverDate)) clockOffset = serverDate - Date.now();
  };
  const wire = new S3Wire({ client, onRequest, onResponse, serverTime });
  client.middlewareStack.add(
    (next, context) => async (args) => {
      onRequest((context.commandName ?? '').replace(/Command$/, ''));
      const result = await next(args);
      const { status, date } = factsOf(result.response);
      onResponse({ date });
      if (status === 200 && 'Key' in args.input && typeof args.input.Key === 'string') {
        wire.learn(args.input.Key, args.request);
      }
      return result;
    },
    // The innermost step runs once for each HTTP request.
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
  // The SDK's response is a class instance, so its members may be inherited.
  if (!isObject(response)) return {};
  const { statusCode: status, headers } = response;
  const date = textOf(headers, 'date');
  return {
    ...(typeof status === 'number' ? { status } : {}),
    ...(date === undefined ? {} : { date }),
  };
}
