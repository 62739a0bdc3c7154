import { objectStoreContract } from '../../contract/object-store.ts';
import { s3Subject } from '../../support/services/bucket.ts';
import { startVersitygw } from '../../support/services/versitygw.ts';

objectStoreContract('versitygw', async () => s3Subject(await startVersitygw()));
