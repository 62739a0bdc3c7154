import { makeBucket, storeOptions } from '../test/support/services/bucket.ts';
import { startMinio } from '../test/support/services/minio.ts';
import { countRequests, type RequestCounts } from './request-counts.ts';

// Counts the requests to S3 for a published version, alone and in a batch. The counts are exact, on
// a real MinIO.

const BATCH = 100;

const minio = await startMinio();
try {
  await makeBucket(minio, 'requests');
  const place = storeOptions(minio, 'requests');
  const one = await countRequests(place, { versions: 1 });
  const batch = await countRequests(place, { versions: BATCH });
  const operations = [...new Set([...Object.keys(one), ...Object.keys(batch)])].sort();
  const row = (name: string, cells: readonly string[]) =>
    console.log(`| ${[name.padEnd(16), ...cells.map((cell) => cell.padStart(14))].join(' | ')} |`);
  row('operation', ['one version', `batch of ${BATCH}`, 'a version']);
  console.log(`|${'-'.repeat(18)}|${`${'-'.repeat(15)}:|`.repeat(3)}`);
  const cells = (count: (counts: RequestCounts) => number) => [
    String(count(one)),
    String(count(batch)),
    (count(batch) / BATCH).toFixed(2),
  ];
  for (const operation of operations)
    row(
      operation,
      cells((counts) => counts[operation] ?? 0),
    );
  const all = (counts: RequestCounts) => Object.values(counts).reduce((sum, n) => sum + n, 0);
  row('all', cells(all));
} finally {
  await minio.stop();
}
