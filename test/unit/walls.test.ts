import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ESLint } from 'eslint';

const ROOT = join(import.meta.dirname, '../..');
const PURE = ['src/catalog/removal.ts', 'src/simplestreams/render.ts'];

// These rules need no types, and so no TypeScript program of the whole project.
const eslint = new ESLint({
  cwd: ROOT,
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  ruleFilter: ({ ruleId }) => ruleId.startsWith('no-restricted-'),
});

/** The rules that a text violates as the content of a file. */
async function broken(file: string, text: string): Promise<readonly (string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath: join(ROOT, file) });
  return (result?.messages ?? []).map(({ ruleId, message }) => ruleId ?? message);
}

describe('the linter, in a room without I/O and clock', () => {
  const forbidden: readonly (readonly [text: string, rule: string])[] = [
    ['export const now = Date.now();', 'no-restricted-properties'],
    ['export const now = new Date();', 'no-restricted-syntax'],
    ['export const now = Date();', 'no-restricted-syntax'],
    ['export const now = performance.now();', 'no-restricted-globals'],
    ['export const chance = Math.random();', 'no-restricted-properties'],
    ['export const home = process.env.HOME;', 'no-restricted-globals'],
    ['export const answer = fetch("https://x");', 'no-restricted-globals'],
    ['export const id = crypto.randomUUID();', 'no-restricted-globals'],
    ['export const now = globalThis.Date.now();', 'no-restricted-globals'],
    ['setTimeout(() => undefined, 1);', 'no-restricted-globals'],
    ["export { randomUUID } from 'node:crypto';", 'no-restricted-imports'],
    ["export { readFile } from 'node:fs/promises';", 'no-restricted-imports'],
    ["export { get } from 'https';", 'no-restricted-imports'],
    ["export { S3Client } from '@aws-sdk/client-s3';", 'no-restricted-imports'],
    ["export { Stack } from 'aws-cdk-lib';", 'no-restricted-imports'],
    ["export { update } from '../pipeline/indexing/update.ts';", 'no-restricted-imports'],
  ];
  for (const file of PURE) {
    for (const [text, rule] of forbidden) {
      it(`rejects in ${file}: ${text}`, async () => {
        assert.deepEqual(await broken(file, text), [rule]);
      });
    }

    it(`accepts in ${file} a Date made from a number`, async () => {
      assert.deepEqual(await broken(file, 'export const at = (ms: number) => new Date(ms);'), []);
    });
  }
});

describe('the linter, at the boundaries of the other rooms', () => {
  const forbidden: readonly (readonly [file: string, from: string])[] = [
    ['src/images/layout.ts', '../catalog/document.ts'],
    ['src/images/layout.ts', 'node:fs'],
    ['src/facts/delivery-policy.ts', 'node:path'],
    ['src/facts/deployment-names.ts', '../images/layout.ts'],
    ['src/bytes/multipart.ts', '../gateway/api/responses.ts'],
    ['src/bytes/multipart.ts', 'node:http'],
    ['src/storage/keys.ts', '../catalog/document.ts'],
    ['src/storage/location.ts', '../config/config.ts'],
    ['src/hashing/hasher.ts', '../catalog/document.ts'],
    ['src/archives/compression.ts', '../gateway/trust-store.ts'],
    ['src/archives/compression.ts', 'node:https'],
    ['src/config/sections.ts', '@aws-sdk/client-s3'],
    ['src/config/sections.ts', '../pipeline/context.ts'],
    ['src/pipeline/indexing/update.ts', '../../local/start-local.ts'],
    ['src/pipeline/indexing/update.ts', '../../mirrors/fan-out.ts'],
    ['src/pipeline/indexing/update.ts', '@aws-sdk/client-s3'],
    ['src/mirrors/fan-out.ts', '../publishing/recognise.ts'],
    ['src/mirrors/ledger/document.ts', '../fan-out.ts'],
    ['src/mirrors/ledger/document.ts', '../../pipeline/context.ts'],
    ['src/mirrors/ledger/document.ts', 'node:crypto'],
    ['src/sources/streams/pull.ts', '../../publishing/recognise.ts'],
    ['src/publishing/recognise.ts', '../cli/run.ts'],
    ['src/publishing/recognise.ts', '../gateway/allowed-products.ts'],
    ['src/publishing/recognise.ts', 'node:http'],
    ['src/gateway/server.ts', '../local/start-local.ts'],
    ['src/local/start-local.ts', '../../infra/app.ts'],
    ['src/cli/run.ts', '../../lambda/index-images.ts'],
    ['lambda/index-images.ts', '../src/cli/run.ts'],
    ['lambda/index-images.ts', '../src/gateway/server.ts'],
    ['lambda/index-images.ts', 'aws-cdk-lib'],
    ['infra/app.ts', '../src/pipeline/indexing/update.ts'],
    ['infra/app.ts', '../src/storage/open-store.ts'],
  ];
  for (const [file, from] of forbidden) {
    it(`rejects ${from} in ${file}`, async () => {
      assert.deepEqual(await broken(file, `export * from '${from}';`), ['no-restricted-imports']);
    });
  }
});

describe('the linter, on spread literals', () => {
  it('refuses one in any folder', async () => {
    const text = 'export const one = { ...{ a: 1 }, b: 2 };';
    for (const file of ['src/catalog/removal.ts', 'src/cli/run.ts', 'lambda/sweep.ts']) {
      assert.deepEqual(await broken(file, text), ['no-restricted-syntax'], file);
    }
  });
});
