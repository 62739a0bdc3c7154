import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../temporary.ts';
import { goBinary } from './binary.ts';
import type { S3Service } from './minio.ts';
import { freePort, startService } from './service.ts';

/** A separate Versity S3 gateway over a folder, on loopback. */
export async function startVersitygw(): Promise<S3Service> {
  const command = await goBinary('versitygw');
  const folder = await temporaryFolder();
  const data = join(folder.path, 'data');
  await mkdir(data);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const keys = { accessKey: 'contract-user', secretKey: 'contract-password' };
  const service = await startService({
    command,
    // ETags are in extended attributes. In a --sidecar folder they would not change together with
    // the objects.
    args: ['--port', `127.0.0.1:${port}`, '--health', '/health', 'posix', data],
    env: { ROOT_ACCESS_KEY: keys.accessKey, ROOT_SECRET_KEY: keys.secretKey },
    healthUrl: `${endpoint}/health`,
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
