import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';
import { TOOLS } from '../tools.ts';

/** A kernel of Debian, unpacked. */
export interface Kernel {
  readonly version: string;
  /** The bootable file, which is also a UEFI program. */
  readonly image: string;
  /** The folder above `lib/modules`. */
  readonly root: string;
}

/**
 * The kernel, unpacked but not installed, so the machine still boots its own. The `cloud` kind has
 * no 9p.
 */
export async function debianKernel(): Promise<Kernel> {
  const root = await unpacked('kernel', async () => {
    const depends = await run('apt-cache', ['depends', 'linux-image-amd64']);
    const name = /Depends: (linux-image-[0-9]\S+)/.exec(depends)?.[1];
    if (name === undefined) throw new Error(`linux-image-amd64 names no kernel:\n${depends}`);
    return name;
  });
  const modules = join(root, 'lib/modules');
  const version = (await readdir(modules))[0]!;
  // The package does this only when it is installed.
  if (!existsSync(join(modules, version, 'modules.dep'))) {
    await run('/bin/busybox', ['depmod', '-b', root, version]);
  }
  return { version, root, image: join(root, 'boot', `vmlinuz-${version}`) };
}

/** The path of systemd's boot loader for UEFI. */
export async function bootLoader(): Promise<string> {
  const root = await unpacked('boot-loader', () => Promise.resolve('systemd-boot-efi'));
  return join(root, 'usr/lib/systemd/boot/efi/systemd-bootx64.efi');
}

/** The folder with a package's files, laid out as below /. They are downloaded once. */
async function unpacked(folder: string, packageName: () => Promise<string>): Promise<string> {
  const target = join(TOOLS, 'debian', folder);
  if (existsSync(target)) return target;
  await mkdir(join(TOOLS, 'debian'), { recursive: true });
  const work = await mkdtemp(join(TOOLS, 'debian', 'unpacking-'));
  // An older list may name packages that the server no longer has.
  await run('apt-get', ['update'], { timeout: 900_000 });
  const name = await packageName();
  await run('apt-get', ['download', name], { cwd: work, timeout: 900_000 });
  const file = (await readdir(work)).find((entry) => entry.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get downloaded nothing for ${name}`);
  await run('dpkg-deb', ['--extract', join(work, file), join(work, 'root')]);
  // An interrupted download leaves no incomplete folder.
  await rename(join(work, 'root'), target);
  await rm(work, { recursive: true });
  return target;
}
