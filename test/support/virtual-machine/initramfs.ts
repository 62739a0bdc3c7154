import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../command.ts';
import type { Kernel } from './debian-files.ts';

export interface InitramfsParts {
  readonly kernel: Kernel;
  /** The names of the modules that it can load. The modules that they need are added. */
  readonly modules: readonly string[];
  /** The script that is process 1. */
  readonly init: string;
  /** Further files: path and content. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Makes a root of busybox and some modules at the path `target`, in the form that the kernel
 * unpacks into memory. Its folder is next to it.
 */
export async function makeInitramfs(target: string, parts: InitramfsParts): Promise<void> {
  const { kernel, modules, init, files = {} } = parts;
  const root = `${target}.root`;
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  await symlink('busybox', join(root, 'bin/sh'));
  await symlink('../bin/busybox', join(root, 'sbin/modprobe'));
  for (const path of await withWhatTheyNeed(kernel, modules)) {
    const file = join('lib/modules', kernel.version, path);
    await mkdir(dirname(join(root, file)), { recursive: true });
    await copyFile(join(kernel.root, file), join(root, file));
  }
  await run('/bin/busybox', ['depmod', '-b', root, kernel.version]);
  for (const [path, content] of Object.entries(files)) await writeFile(join(root, path), content);
  await writeFile(join(root, 'init'), init, { mode: 0o755 });
  const pack = 'find . | busybox cpio -o -H newc | gzip -n >"$1"';
  await run('/bin/sh', ['-c', pack, 'sh', target], { cwd: root });
}

/** Lines of modules.dep: a module's path, a colon, and the paths of all modules that it needs. */
async function withWhatTheyNeed(
  kernel: Kernel,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const file = join(kernel.root, 'lib/modules', kernel.version, 'modules.dep');
  const lines = (await readFile(file, 'utf8')).split('\n');
  return new Set(
    names.flatMap((name) => {
      const line = lines.find((candidate) => candidate.includes(`/${name}.ko:`));
      if (line === undefined) throw new Error(`the kernel has no module ${name}`);
      return line.replace(':', '').split(' ').filter(Boolean);
    }),
  );
}
