import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../command.ts';
import { GO_PROGRAMS, goProgram, type GoProgram } from '../tools.ts';

/** Builds the Go programs that are missing. Returns descriptions of what it could not build. */
export async function installGoPrograms(): Promise<readonly string[]> {
  const names = (Object.keys(GO_PROGRAMS) as GoProgram[]).filter((name) => {
    return !existsSync(goProgram(name));
  });
  if (names.length === 0) return [];
  try {
    await run('go', ['version']);
  } catch {
    return names.map((name) => {
      const { package: path, version } = GO_PROGRAMS[name];
      return `${name}: built with \`go install ${path}@${version}\`, but there is no Go; install Go 1.24 or newer`;
    });
  }
  // One after the other, because the Go tool uses every core.
  for (const name of names) await build(name);
  return [];
}

async function build(name: GoProgram): Promise<void> {
  const { package: path, version, binary } = GO_PROGRAMS[name];
  const target = goProgram(name);
  console.error(`Building ${name} ${version}; the first time this takes a few minutes`);
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(join(dirname(target), 'build-'));
  await run('go', ['install', `${path}@${version}`], {
    // Static, so that it runs in an image without other files.
    env: { GOBIN: work, CGO_ENABLED: '0', GOFLAGS: '-trimpath' },
    cwd: work,
    timeout: 1_800_000,
  });
  // An interrupted installation leaves no incomplete program.
  await rename(join(work, binary), target);
  await rm(work, { recursive: true });
}
