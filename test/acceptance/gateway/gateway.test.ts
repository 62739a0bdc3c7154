import { join } from 'node:path';
import { gatewayUploads } from '../../contract/gateway-uploads.ts';

gatewayUploads('a directory', (folder) =>
  Promise.resolve({ store: `file:${join(folder, 'data')}`, env: process.env }),
);
