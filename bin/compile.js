// Compiles the whole program, so that the first start of a command is as fast and as small as later ones.
import { glob } from 'node:fs/promises';
import { keepCompiled } from './compile-cache.js';

keepCompiled();
// A thread's module starts its work as soon as it is loaded. It keeps its compiled code by itself.
const exclude = ['hashing/digest-worker.ts', 'archives/xz-worker.ts'];
const sources = new URL('../src/', import.meta.url);
for await (const path of glob('**/*.ts', { cwd: sources, exclude })) {
  await import(new URL(path, sources).href);
}
