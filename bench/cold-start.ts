import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle, BUNDLES } from '../infra/bundle.ts';
import { line, runPairs, summarise } from './harness.ts';

// Measures how a function starts: the import of its bundle in a fresh process, compared with the
// import of an empty handler.

const pairs = Number(process.argv[2] ?? 9);
const folder = mkdtempSync(join(tmpdir(), 'bucketstreams-cold-'));
// Environment variables that the handlers read when they are loaded.
Object.assign(process.env, {
  AWS_REGION: 'eu-central-1',
  STORE_URL: 's3://images?region=eu-central-1',
  MIRROR_NAME: 'west',
  MIRROR_SETTINGS:
    '{"store":"s3://west?region=us-west-2","copy":"fan-out","include":[],"exclude":[]}',
});

function importer(name: string, module: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(
    path,
    `const start = process.hrtime.bigint();
     await import(${JSON.stringify(module)});
     process.stdout.write(String(Number(process.hrtime.bigint() - start) / 1e6));
     process.exit(0);`,
  );
  return path;
}

try {
  writeFileSync(join(folder, 'empty.js'), 'export function handler() {}');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const empty = importer('import-empty', './empty.js');
  for (const name of BUNDLES) {
    buildBundle(name, join(folder, name));
    const ours = importer(`import-${name}`, `./${name}/index.js`);
    const runs = await runPairs([process.execPath, ours], [process.execPath, empty], { pairs });
    const import_ = runs.map(([a]) => Number(a.stdout));
    const differences = runs.map(([a, b]) => (a.seconds - b.seconds) * 1000);
    console.log(line(`${name}: import`, summarise(import_), 'ms', 0));
    console.log(
      line(`${name}: process, more than an empty handler`, summarise(differences), 'ms', 0),
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
