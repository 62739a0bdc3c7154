#!/usr/bin/env node
// Starts the CLI with the Node of this package, whatever Node runs this file.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { keepCompiled } from './compile-cache.js';

const [major] = process.versions.node.split('.').map(Number);
if (major >= 24) {
  keepCompiled();
  const { main } = await import('../src/cli/main.ts');
  await main();
} else {
  startWith(packagedNode());
}

function packagedNode() {
  try {
    return createRequire(import.meta.url).resolve('node/bin/node');
  } catch {
    console.error(
      `bucketstreams needs Node 24 and this is ${process.version}: run \`npm ci\` in the package's folder, or install Node 24.`,
    );
    return process.exit(2);
  }
}

function startWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // The child handles signals; this process forwards them and waits.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => {
    console.error(`bucketstreams: Node 24 at ${node} cannot be started: ${error.message}`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    // A shell reports a death by a signal as 128 plus the signal's number.
    process.exit(signal ? 128 + constants.signals[signal] : code);
  });
}
