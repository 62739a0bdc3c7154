import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../command.ts';
import { debianKernel } from './debian-files.ts';
import { makeInitramfs } from './initramfs.ts';
import { COMMANDS, INIT, MODULES } from './machine-root.ts';

/** The address of the test machine's loopback interface in the emulated machine. */
export const HOST = '10.0.2.2';

/** An emulated computer with the programs of this machine. Its disposal switches it off. */
export interface Machine extends AsyncDisposable {
  /** Runs a line of shell as root; returns what it wrote. Throws unless it exits with 0. */
  run(line: string): Promise<string>;
}

/**
 * Starts an emulated computer whose processor can run virtual machines (AMD's SVM), whatever this
 * machine has. Its kernel is Debian's, with KVM and vhost_vsock. /usr and /etc are this machine's,
 * read-only, so the same LXD and Incus run in it. `trust` becomes /trust.pem. `folder` has to be
 * empty.
 */
export async function startMachine(folder: string, trust: string): Promise<Machine> {
  const kernel = await debianKernel();
  const initramfs = join(folder, 'initramfs');
  const files = { 'trust.pem': await readFile(trust, 'utf8'), commands: COMMANDS };
  await makeInitramfs(initramfs, { kernel, modules: MODULES, init: INIT, files });
  const disk = await makeDisk(join(folder, 'disk'));
  const log = join(folder, 'console');
  // It ends with this process, even if this process is killed.
  const emulator = ['--pdeathsig', 'KILL', 'qemu-system-x86_64'];
  const child = spawn('setpriv', [...emulator, ...options(kernel.image, initramfs, disk, log)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'exit').catch(() => undefined);
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const next = await answers.next();
    if (next.done !== true) return next.value;
    throw new Error(
      `the machine stopped\n${await readFile(log, 'utf8').catch(() => '')}\n${errors}`,
    );
  };
  const machine: Machine = {
    run: async (line) => {
      child.stdin.write(`${line}\n`);
      const [code, output = ''] = (await answer()).split(' ');
      const text = Buffer.from(output, 'base64').toString();
      if (code === '0') return text;
      throw new Error(`${line}: exit ${code ?? ''}\n${text}`);
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
  // The first line reports that the machine is up.
  await answer();
  return machine;
}

/**
 * The daemons open the disks of their virtual machines with O_DIRECT, which a tmpfs of this kernel
 * does not support.
 */
async function makeDisk(path: string): Promise<string> {
  await writeFile(path, '');
  await truncate(path, 12 * 2 ** 30);
  await run('mkfs.ext4', ['-q', '-F', path]);
  return path;
}

function options(kernel: string, initramfs: string, disk: string, log: string): readonly string[] {
  const shared = (tag: string) => [
    '-virtfs',
    `local,path=/${tag},mount_tag=${tag},security_model=none,readonly=on,multidevs=remap`,
  ];
  return [
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', '3072'],
    ...['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'EPYC,svm=on,npt=on', '-smp', '2'],
    ...['-kernel', kernel, '-initrd', initramfs],
    // The whole machine is discarded, so nothing in it has to be confined.
    ...['-append', 'console=ttyS0 quiet apparmor=0 mitigations=off panic=-1'],
    ...['-serial', `file:${log}`, '-chardev', 'stdio,id=commands,signal=off'],
    ...['-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=commands'],
    ...['-drive', `if=virtio,format=raw,cache=unsafe,file=${disk}`],
    ...['-nic', 'user,model=virtio-net-pci', ...shared('usr'), ...shared('etc')],
  ];
}
