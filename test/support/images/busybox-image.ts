import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';

/** The architecture of this machine, as in the folder names of the tree. */
export const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';

const KERNEL_ARCHITECTURE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
/** One fixed date for everything in an image, so that equal messages give equal bytes. */
const CREATED = 1_700_000_000;

/**
 * Runs until it is stopped, reaps processes that exec leaves, and ends on the signals with which
 * LXD and Incus halt (SIGPWR) or reboot (SIGINT) an instance. So no instance has to be killed.
 */
const INIT = `#!/bin/sh
trap 'exit 0' PWR TERM INT
while :; do sleep 3600 & wait $!; done
`;

export type BusyboxFile =
  | 'lxd.tar.xz'
  | 'incus.tar.xz'
  | 'rootfs.squashfs'
  | 'disk.qcow2'
  | 'lxd_combined.tar.gz'
  | 'incus_combined.tar.gz'
  /**
   * A virtual machine in one file. It has no name in the layout, because it is published as two
   * files.
   */
  | 'vm_combined.tar.gz'
  | 'SHA256SUMS';

export interface BusyboxImage {
  /** The folder with the files, under their names in the upload layout. */
  readonly directory: string;
  /** The output of `cat /etc/greeting` in an instance, including a newline at the end. */
  readonly greeting: string;
}

/**
 * Builds a real image in a folder that need not exist: a container of about 1 MB that runs on this
 * machine's kernel and has only Debian's busybox-static in it. `message` distinguishes one version
 * from another; equal messages give equal bytes on one machine.
 *
 * Needs busybox-static, squashfs-tools, xz-utils, and for the disks of virtual machines qemu-utils.
 */
export async function buildBusyboxImage(
  directory: string,
  message: string,
  files: readonly BusyboxFile[] = ['lxd.tar.xz', 'rootfs.squashfs'],
): Promise<BusyboxImage> {
  const work = `${directory}.work`;
  await mkdir(directory, { recursive: true });
  await layOutRoot(join(work, 'rootfs'), message);
  await writeFile(join(work, 'metadata.yaml'), metadata(message));
  for (const file of files) {
    await build(file, work, join(directory, file));
  }
  if (files.includes('SHA256SUMS')) {
    await writeFile(join(directory, 'SHA256SUMS'), await checksums(directory, files));
  }
  await rm(work, { recursive: true });
  return { directory, greeting: `${message}\n` };
}

async function layOutRoot(root: string, message: string): Promise<void> {
  // LXC mounts over dev, proc and sys, and both daemons write into etc.
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp', 'var']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of ['sh', 'cat', 'sleep', 'ls', 'echo', 'uname', 'hostname', 'id']) {
    await symlink('busybox', join(root, 'bin', applet));
  }
  await writeFile(join(root, 'sbin/init'), INIT);
  await chmod(join(root, 'sbin/init'), 0o755);
  await writeFile(join(root, 'etc/greeting'), `${message}\n`);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/hostname'), 'busybox\n');
}

/** JSON is YAML, and its strings need no decision about quotes. */
function metadata(message: string): string {
  return `${JSON.stringify(
    {
      architecture: KERNEL_ARCHITECTURE,
      creation_date: CREATED,
      properties: {
        architecture: ARCHITECTURE,
        description: `Busybox: ${message}`,
        os: 'Busybox',
        release: 'static',
      },
      templates: {},
    },
    undefined,
    2,
  )}\n`;
}

async function build(file: BusyboxFile, work: string, target: string): Promise<void> {
  switch (file) {
    case 'lxd.tar.xz':
    case 'incus.tar.xz':
      return tar(work, '--xz', ['metadata.yaml'], target);
    case 'lxd_combined.tar.gz':
    case 'incus_combined.tar.gz':
      return tar(work, '--gzip', ['metadata.yaml', 'rootfs'], target);
    case 'vm_combined.tar.gz':
      await makeDisk(join(work, 'rootfs.img'));
      await mkdir(join(work, 'templates'), { recursive: true });
      await writeFile(join(work, 'templates/hostname.tpl'), '{{ container.name }}\n');
      // LXD and Incus export them in this order.
      return tar(work, '--gzip', ['metadata.yaml', 'rootfs.img', 'templates'], target);
    case 'rootfs.squashfs':
      await rm(target, { force: true });
      await run('mksquashfs', [
        ...[join(work, 'rootfs'), target, '-quiet', '-no-progress', '-noappend', '-all-root'],
        ...['-mkfs-time', String(CREATED), '-all-time', String(CREATED), '-processors', '1'],
      ]);
      return;
    case 'disk.qcow2':
      return makeDisk(target);
    case 'SHA256SUMS':
      return;
  }
}

async function makeDisk(target: string): Promise<void> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', target, '16M']);
}

async function tar(
  work: string,
  compression: '--xz' | '--gzip',
  members: readonly string[],
  target: string,
): Promise<void> {
  await run(
    'tar',
    [
      ...['--create', compression, '--file', target, '--directory', work, '--sort=name'],
      ...['--owner=0', '--group=0', '--numeric-owner', `--mtime=@${String(CREATED)}`],
      ...members,
    ],
    // gzip writes its own date without this option.
    { env: { GZIP: '-n' } },
  );
}

async function checksums(directory: string, files: readonly BusyboxFile[]): Promise<string> {
  const lines = [];
  for (const file of files.filter((name) => name !== 'SHA256SUMS').toSorted()) {
    const bytes = await readFile(join(directory, file));
    lines.push(`${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`);
  }
  return lines.join('');
}
