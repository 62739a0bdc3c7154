import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { run } from '../command.ts';

/** A program that tests run, or a file that they need, and the Debian package that contains it. */
interface SystemProgram {
  readonly program: string;
  readonly package: string;
  /** Debian 12 has it in its backports only. */
  readonly backports?: true;
}

export const PROGRAMS: readonly SystemProgram[] = [
  { program: 'lxd', package: 'lxd' },
  { program: 'lxc', package: 'lxd-client' },
  { program: '/usr/libexec/incus/incusd', package: 'incus-base', backports: true },
  { program: 'incus', package: 'incus-client', backports: true },
  { program: 'mksquashfs', package: 'squashfs-tools' },
  { program: 'xz', package: 'xz-utils' },
  { program: 'xdelta3', package: 'xdelta3' },
  { program: 'qemu-img', package: 'qemu-utils' },
  { program: 'setpriv', package: 'util-linux' },
  { program: 'openssl', package: 'openssl' },
  { program: 'curl', package: 'curl' },
  { program: 'nginx', package: 'nginx' },
  { program: 'update-ca-certificates', package: 'ca-certificates' },
  { program: 'dockerd', package: 'docker.io' },
  { program: 'docker', package: 'docker.io' },
];

/** Further packages that are needed to launch a virtual machine and to make the image of one. */
export const VIRTUAL_MACHINE_PROGRAMS: readonly SystemProgram[] = [
  { program: 'qemu-system-x86_64', package: 'qemu-system-x86' },
  { program: '/usr/share/OVMF/OVMF_CODE.fd', package: 'ovmf' },
  { program: 'lxd-agent', package: 'lxd-agent' },
  { program: '/usr/libexec/incus/incus-agent', package: 'incus-agent', backports: true },
  { program: 'mformat', package: 'mtools' },
  { program: 'mkfs.ext4', package: 'e2fsprogs' },
];

/**
 * Installs the packages whose programs are missing. Returns descriptions of what it could not
 * install.
 */
export async function installDebianPackages(
  programs: readonly SystemProgram[],
): Promise<readonly string[]> {
  const missing = lacking(programs);
  if (missing.length === 0) return [];
  const names = [...new Set(missing.map((program) => program.package))];
  const obstacle = obstacleToApt();
  if (obstacle !== undefined) {
    return missing.map((item) => `${item.program} (Debian's package ${item.package}): ${obstacle}`);
  }
  console.error(`Installing ${names.join(', ')}`);
  await apt('update');
  if (missing.some((program) => program.backports) && !(await hasIncus())) await addBackports();
  await apt('install', ...names);
  return lacking(programs).map(
    (item) => `${item.program}: not there although the package ${item.package} was installed`,
  );
}

function lacking(programs: readonly SystemProgram[]): readonly SystemProgram[] {
  const absent = programs.filter(({ program }) => !exists(program));
  const busybox = { program: 'a static /bin/busybox', package: 'busybox-static' };
  return hasStaticBusybox() ? absent : [...absent, busybox];
}

function exists(program: string): boolean {
  const candidates = isAbsolute(program)
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, program));
  return candidates.some((path) => {
    try {
      // A path may be of a file that is no program.
      accessSync(path, isAbsolute(program) ? constants.R_OK : constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The package busybox has the same path, with a program that names the loader that it needs. */
function hasStaticBusybox(): boolean {
  return existsSync('/bin/busybox') && !readFileSync('/bin/busybox').includes('/ld-linux');
}

function obstacleToApt(): string | undefined {
  if (!exists('apt-get')) return 'apt-get is not here; install it by your system’s own means';
  if (process.getuid?.() !== 0) return 'run this as root, or install it by hand';
  return undefined;
}

async function apt(...args: readonly string[]): Promise<void> {
  await run('apt-get', ['--assume-yes', '--no-install-recommends', ...args], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 900_000,
  });
}

async function hasIncus(): Promise<boolean> {
  return /Candidate: \d/.test(await run('apt-cache', ['policy', 'incus-base']));
}

/** Adds the release's backports from the server that this machine uses for the release. */
async function addBackports(): Promise<void> {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const targets = await run('apt-get', ['indextargets', '--format', '$(CODENAME) $(REPO_URI)']);
  const mirror = targets
    .split('\n')
    .map((line) => line.split(' '))
    .find(([codename]) => codename === release)?.[1];
  if (release === undefined || mirror === undefined) {
    throw new Error('Incus is in no package source, and apt names no mirror of this release.');
  }
  await writeFile(
    '/etc/apt/sources.list.d/bucketstreams-backports.sources',
    [
      '# Incus, for the tests of bucketstreams.',
      'Types: deb',
      `URIs: ${mirror}`,
      `Suites: ${release}-backports`,
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
    ].join('\n'),
  );
  await apt('update');
}
