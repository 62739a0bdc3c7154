import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type Metafile } from 'esbuild';

/** The functions' bundles, named like their files in `lambda/`. */
export const BUNDLES = ['index-images', 'sweep', 'fan-out'] as const;
export type BundleName = (typeof BUNDLES)[number];

const ROOT = join(import.meta.dirname, '..');
const DIGEST_WORKER = join(ROOT, 'src/hashing/digest-worker.ts');

/** An ES module has no `require`, but some CommonJS parts of the SDK call it for Node's own modules. */
const REQUIRE = [
  "import { createRequire as bucketstreamsCreateRequire } from 'node:module';",
  'const require = bucketstreamsCreateRequire(import.meta.url);',
].join('');

const built = new Map<BundleName, string>();

/**
 * Bundles a function once per process and returns the folder. It contains `index.js` with the handler and
 * `digest-worker.js`. The code needs nothing else but Node 24.
 */
export function bundle(name: BundleName): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const folder = join(ROOT, '.cache/bundles', name);
  buildBundle(name, folder);
  built.set(name, folder);
  return folder;
}

/** Bundles a function into `folder`, which is emptied first. Returns esbuild's list of what is in it. */
export function buildBundle(name: BundleName, folder: string): Metafile {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: { index: `lambda/${name}.ts`, 'digest-worker': DIGEST_WORKER },
    outdir: folder,

    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // When a package has both forms, unused parts can be left out of the ES module only.
    mainFields: ['module', 'main'],
    banner: { js: REQUIRE },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  // Node's choice of module format here must not depend on folders above.
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  return metafile;
}
