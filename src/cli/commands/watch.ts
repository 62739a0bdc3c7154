import { defineCommand } from '../console/command.ts';
import { LOCAL_OPTIONS, runLocal } from '../shared/local-options.ts';

export const watchCommand = defineCommand({
  name: 'watch',
  description: `Keeps a store's public files true to its images, as serve does, and serves nothing: for a store behind a web server or CDN of its own. It ends on SIGTERM or SIGINT.`,
  logLevel: 'info',
  options: LOCAL_OPTIONS,
  examples: [
    'bucketstreams watch --store file:/srv/images',
    'BUCKETSTREAMS_EVENTS_TOKEN=… bucketstreams watch --store s3://images --events-listen 0.0.0.0:9001',
  ],
  run: (invocation) =>
    runLocal(invocation, {
      front: () => undefined,
      watch: () => true,
      onStart: () => invocation.log('info', 'watching'),
    }),
});
