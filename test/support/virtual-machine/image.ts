import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBusyboxImage, type BusyboxImage } from '../images/busybox-image.ts';
import { run } from '../command.ts';
import { bootLoader, debianKernel } from './debian-files.ts';
import { makeInitramfs } from './initramfs.ts';

const MODULES = [
  'virtio_pci',
  'virtio_console',
  '9pnet_virtio',
  '9p',
  'vmw_vsock_virtio_transport',
];

/**
 * Runs the agent that LXD and Incus put into a folder shared over 9p for their virtual machines.
 * The agent reports its start over a virtual serial port, and then LXD and Incus use vsock. There
 * is no udev to give that port its name, so this script does.
 */
const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/virtio-ports /run/agent
mount -t devpts devpts /dev/pts
cat /etc/greeting
for module in ${MODULES.join(' ')}; do modprobe $module; done
for port in /sys/class/virtio-ports/*; do
  ln -s ../\${port##*/} /dev/virtio-ports/$(cat $port/name)
done
mount -t 9p -o access=0,trans=virtio config /run/agent
cd /run/agent
for agent in ./lxd-agent ./incus-agent; do
  [ -e $agent ] && $agent
done
echo the agent ended
while :; do sleep 3600; done
`;

/** 14 MiB hold the kernel (8), its initramfs and the boot loader. */
const SIZE = 14 * 1024 * 1024;

/**
 * Builds the image of a virtual machine in a folder: `lxd.tar.xz` and a `disk.qcow2` that boots
 * Debian's kernel by UEFI, without Secure Boot. `exec cat /etc/greeting` gives the greeting when
 * the system inside runs.
 */
export async function buildVirtualMachineImage(
  directory: string,
  message: string,
): Promise<BusyboxImage> {
  const image = await buildBusyboxImage(directory, message, ['lxd.tar.xz']);
  const work = `${directory}.work`;
  await mkdir(work);
  const kernel = await debianKernel();
  const initramfs = join(work, 'initramfs');
  const files = {
    'etc/greeting': image.greeting,
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\n',
    'etc/group': 'root:x:0:\n',
  };
  await makeInitramfs(initramfs, { kernel, modules: MODULES, init: INIT, files });
  const [loader, entry] = [join(work, 'loader'), join(work, 'entry')];
  await writeFile(loader, 'timeout 0\n');
  const options = 'console=ttyS0 quiet panic=-1 mitigations=off nokaslr';
  await writeFile(entry, `linux /vmlinuz\ninitrd /initramfs\noptions ${options}\n`);
  const disk = join(work, 'disk');
  await writeFile(disk, '');
  await truncate(disk, SIZE);
  await run('mformat', ['-i', disk, '-T', String(SIZE / 512), '-h', '16', '-s', '63', '::']);
  await run('mmd', ['-i', disk, '::/EFI', '::/EFI/BOOT', '::/loader', '::/loader/entries']);
  for (const [from, to] of [
    [await bootLoader(), '/EFI/BOOT/BOOTX64.EFI'],
    [kernel.image, '/vmlinuz'],
    [initramfs, '/initramfs'],
    [loader, '/loader/loader.conf'],
    [entry, '/loader/entries/busybox.conf'],
  ] as const) {
    await run('mcopy', ['-i', disk, from, `::${to}`]);
  }
  await run('qemu-img', [
    ...['convert', '-c', '-O', 'qcow2'],
    ...[disk, join(directory, 'disk.qcow2')],
  ]);
  await rm(work, { recursive: true });
  return image;
}
