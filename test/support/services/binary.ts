import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { installGoPrograms } from '../install/go-programs.ts';
import { GO_PROGRAMS, goProgram, type GoProgram } from '../tools.ts';

/**
 * The path of a program built with Go: in the installation's folder, in PATH, or in Go's own
 * folder. The function builds it when it is in none of them. Throws an error that names what is
 * missing.
 */
export async function goBinary(name: GoProgram): Promise<string> {
  const present = find(name);
  if (present !== undefined) return present;
  const missing = await installGoPrograms();
  const built = find(name);
  if (built !== undefined) return built;
  const { package: path, version } = GO_PROGRAMS[name];
  const reasons = missing.join('; ') || `go install ${path}@${version} left no program`;
  throw new Error(`This test needs ${name}, which could not be built. ${reasons}`);
}

function find(name: GoProgram): string | undefined {
  const goFolder = process.env['GOPATH'] ?? join(homedir(), 'go');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(goFolder, 'bin')];
  const places = [goProgram(name), ...folders.map((folder) => join(folder, name))];
  return places.find((place) => existsSync(place));
}
