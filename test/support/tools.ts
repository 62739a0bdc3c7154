import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder of the programs that `npm run test:integration` builds. It is outside the checkout, so
 * that a second clone need not build them again.
 */
export const TOOLS = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'bucketstreams');

/** Programs built with `go install`, by their names in the tests: package and pinned version. */
export const GO_PROGRAMS = {
  minio: {
    package: 'github.com/minio/minio',
    version: 'v0.0.0-20260212201848-7aac2a2c5b7c',
    binary: 'minio',
  },
  // Only this program can set a replication to another server in MinIO.
  mc: {
    package: 'github.com/minio/mc',
    version: 'v0.0.0-20250313080218-cf909e1063a9',
    binary: 'mc',
  },
  // The reference of bench/fan-out.ts.
  rclone: { package: 'github.com/rclone/rclone', version: 'v1.76.0', binary: 'rclone' },
  versitygw: {
    package: 'github.com/versity/versitygw/cmd/versitygw',
    version: 'v1.8.0',
    binary: 'versitygw',
  },
  'docker-compose': {
    package: 'github.com/docker/compose/v2/cmd',
    version: 'v2.29.7',
    // Go names a program after the last part of its package path.
    binary: 'cmd',
  },
} as const;

export type GoProgram = keyof typeof GO_PROGRAMS;

/** The path of a program that the installation built. */
export function goProgram(name: GoProgram): string {
  return join(TOOLS, 'go', `${name}@${GO_PROGRAMS[name].version}`, name);
}

export const PYTHON_REQUIREMENTS = join(import.meta.dirname, 'python-requirements.txt');

/** The Python environment of exactly the pinned packages. */
export function pythonEnvironment(): string {
  const pins = createHash('sha256').update(readFileSync(PYTHON_REQUIREMENTS)).digest('hex');
  return join(TOOLS, `python-${pins.slice(0, 12)}`);
}

/** The path of a program from a Python package: `aws`, `cfn-lint`, `ministack`, `python`. */
export function pythonProgram(name: string): string {
  return join(pythonEnvironment(), 'bin', name);
}
