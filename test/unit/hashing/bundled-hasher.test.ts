import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { SLOT_BYTES } from '../../../src/hashing/ring.ts';
import { INLINE_BYTES } from '../../../src/hashing/threaded-hasher.ts';
import { run } from '../../support/command.ts';
import { numberedBytes, sha256 } from '../../support/images/digest-bodies.ts';

const folder = mkdtempSync(join(tmpdir(), 'bundled-hasher-'));
after(() => rmSync(folder, { recursive: true }));
const images = fileURLToPath(new URL('../../../src/hashing/', import.meta.url));

/**
 * Hashes the given file and does not stop the threads, because they must not keep the process
 * alive.
 */
const ENTRY = `
  import { createReadStream } from 'node:fs';
  import { createHasher } from ${JSON.stringify(join(images, 'hasher.ts'))};
  const hasher = createHasher({ threads: 2 });
  const pass = await hasher.digest(createReadStream(process.argv[2]), [Buffer.from('prefix')]);
  console.log(JSON.stringify(pass));
`;

describe('the hasher in a bundle', () => {
  for (const extension of ['.mjs', '.js'] as const) {
    it(`finds its threads' module in its own folder, as ${extension}`, async () => {
      const outdir = mkdtempSync(join(folder, 'bundle-'));
      const entry = join(folder, 'handler.ts');
      writeFileSync(entry, ENTRY);
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      await build({
        entryPoints: [entry, join(images, 'digest-worker.ts')],
        entryNames: '[name]',
        bundle: true,
        platform: 'node',
        format: 'esm',
        outExtension: { '.js': extension },
        outdir,
      });
      assert.deepEqual(readdirSync(outdir).toSorted(), [
        `digest-worker${extension}`,
        `handler${extension}`,
      ]);

      const bytes = numberedBytes(INLINE_BYTES + 3 * SLOT_BYTES + 5);
      const file = join(folder, 'root');
      writeFileSync(file, bytes);
      const output = await run(process.execPath, [join(outdir, `handler${extension}`), file]);
      assert.deepEqual(JSON.parse(output), {
        sha256: sha256(bytes),
        size: bytes.byteLength,
        prefixed: [sha256(Buffer.from('prefix'), bytes)],
      });
    });
  }
});
