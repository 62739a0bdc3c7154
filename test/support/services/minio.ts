import { temporaryFolder } from '../temporary.ts';
import { goBinary } from './binary.ts';
import { freePort, startService, type Service } from './service.ts';

/** The address of a test's S3 server, and its root user's keys. */
export interface S3Service extends Service {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface MinioOptions {
  /**
   * The URL to which MinIO sends events (its target `PRIMARY`, ARN
   * `arn:minio:sqs::PRIMARY:webhook`).
   */
  readonly webhook?: {
    readonly endpoint: string;
    /** Sent as `Authorization: Bearer <token>`. */
    readonly token: string;
    /** The folder where undelivered events wait. */
    readonly queueDir: string;
  };
  /** The folder for the objects. Default: a folder that is removed with the server. */
  readonly data?: string;
  /** Default: a free port. */
  readonly port?: number;
}

export const MINIO_WEBHOOK_ARN = 'arn:minio:sqs::PRIMARY:webhook';

/** A separate MinIO, on loopback. */
export async function startMinio(options: MinioOptions = {}): Promise<S3Service> {
  const command = await goBinary('minio');
  const folder = await temporaryFolder();
  const port = options.port ?? (await freePort());
  const endpoint = `http://127.0.0.1:${port}`;
  const keys = { accessKey: 'contract-user', secretKey: 'contract-password' };
  const { webhook } = options;
  const service = await startService({
    command,
    args: ['server', '--quiet', '--address', `127.0.0.1:${port}`, options.data ?? folder.path],
    env: {
      MINIO_ROOT_USER: keys.accessKey,
      MINIO_ROOT_PASSWORD: keys.secretKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      ...(webhook && {
        MINIO_NOTIFY_WEBHOOK_ENABLE_PRIMARY: 'on',
        MINIO_NOTIFY_WEBHOOK_ENDPOINT_PRIMARY: webhook.endpoint,
        MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_PRIMARY: webhook.token,
        MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_PRIMARY: webhook.queueDir,
      }),
    },
    healthUrl: `${endpoint}/minio/health/ready`,
  });
  return {
    endpoint,
    ...keys,
    log: () => service.log(),
    async stop() {
      await service.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
