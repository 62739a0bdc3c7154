/**
 * Writes the golden files again: `npx node test/golden/write.ts`. Read the difference afterwards.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { goldenStreams } from '../support/images/golden-streams.ts';

for (const [path, body] of goldenStreams()) {
  const file = join(import.meta.dirname, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, body);
}
