// Compiles the whole program, so that the first start of a command is as quick and as small as every later one.
import { glob } from 'node:fs/promises';
import { keepCompiled } from './compile-cache.js';

keepCompiled();
// A thread's module works as soon as it is loaded, and keeps its compiled code by itself.
const exclude = ['hashing/digest-worker.ts', 'archives/xz-worker.ts'];
const sources = new URL('../src/', import.meta.url);
for await (const path of glob('**/*.ts', { cwd: sources, exclude })) {
  await import(new URL(path, sources).href);
}
