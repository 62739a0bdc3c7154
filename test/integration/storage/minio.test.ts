import { objectStoreContract } from '../../contract/object-store.ts';
import { s3Subject } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';

objectStoreContract('MinIO', async () => s3Subject(await startMinio()));
