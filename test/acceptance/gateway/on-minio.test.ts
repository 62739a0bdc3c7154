import { gatewayUploads } from '../../contract/gateway-uploads.ts';
import { makeBucket } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';

gatewayUploads('a bucket of MinIO', async (_, resources) => {
  const minio = await startMinio();
  resources.defer(() => minio.stop());
  await makeBucket(minio, 'images');
  return {
    store: `s3://images?endpoint=${minio.endpoint}&region=us-east-1`,
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: minio.accessKey,
      AWS_SECRET_ACCESS_KEY: minio.secretKey,
    },
  };
});
