import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync, type Metafile } from 'esbuild';

/** The functions' bundles, named as their files in `lambda/`. */
export const BUNDLES = ['index-images', 'sweep', 'fan-out'] as const;
export type BundleName = (typeof BUNDLES)[number];

const ROOT = join(import.meta.dirname, '..');
const DIGEST_WORKER = join(ROOT, 'src/hashing/digest-worker.ts');

/** An ES module has no `require`; some of the SDK's CommonJS parts call it for Node's own modules. */
const REQUIRE = [
  "import { createRequire as bucketstreamsCreateRequire } from 'node:module';",
  'const require = bucketstreamsCreateRequire(import.meta.url);',
].join('');

const built = new Map<BundleName, string>();

/**
 * Bundles a function into a folder, once a process, and answers the folder: `index.js` with the handler,
 * `digest-worker.js` beside it, and nothing from outside is needed but Node 24.
 */
export function bundle(name: BundleName): string {
  const known = built.get(name);
  if (known !== undefined) return known;
  const folder = join(ROOT, '.cache/bundles', name);
  buildBundle(name, folder);
  built.set(name, folder);
  return folder;
}

/** Bundles a function into `folder`, which is emptied first, and tells what is in it. */
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
    // Of packages that have both forms the ES module is the one from which unused parts fall away.
    mainFields: ['module', 'main'],
    banner: { js: REQUIRE },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'error',
  });
  // What Node finds here must not depend on folders above.
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  return metafile;
}
