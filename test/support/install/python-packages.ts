import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, run } from '../command.ts';
import { PYTHON_REQUIREMENTS, pythonEnvironment } from '../tools.ts';

/**
 * Makes the Python environment if it is missing. Returns descriptions of what it could not install.
 */
export async function installPythonPackages(): Promise<readonly string[]> {
  const environment = pythonEnvironment();
  const complete = join(environment, 'complete');
  if (existsSync(complete)) return [];
  try {
    await run('python3', ['-c', 'import ensurepip, sys, venv; assert sys.version_info >= (3, 10)']);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return [`python3, 3.10 or newer, with venv (Debian's package python3-venv): ${error.message}`];
  }
  console.error(`Installing Python packages into ${environment}`);
  await rm(environment, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', environment]);
  await run(
    join(environment, 'bin/python'),
    ['-m', 'pip', 'install', '--quiet', '--requirement', PYTHON_REQUIREMENTS],
    { timeout: 900_000 },
  );
  await writeFile(complete, '');
  return [];
}
