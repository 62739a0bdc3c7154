import { eventually } from '../eventually.ts';
import { FLAVOURS, type DaemonKind } from '../servers/instance-daemon.ts';
import type { Machine } from './machine.ts';

/** LXD or Incus in an emulated machine. It ends with the machine. */
export interface MachineDaemon {
  /** Runs `lxc` or `incus`; returns what it wrote. */
  client(...args: readonly string[]): Promise<string>;
}

/**
 * QEMU's emulation of SVM fails an assertion when a guest writes the register CR8 while KVM waits
 * to deliver the next interrupt to it. UEFI does that at the end of every interrupt. The cause is
 * target/i386/tcg, helper_write_crN, which calls cpu_interrupt without the lock. With the interrupt
 * controller in QEMU, KVM handles all such writes itself. QEMU then needs the options that leave
 * out features of KVM's own controller.
 */
const INSTANCE_OPTIONS = [
  ...['--config', 'raw.qemu=-machine kernel_irqchip=off -cpu host,kvm-asyncpf-int=off'],
  ...['--config', 'security.secureboot=false', '--config', 'limits.memory=256MiB'],
];

/** Starts a daemon with a storage pool and no network, as startDaemon does on this machine. */
export async function startDaemonIn(machine: Machine, kind: DaemonKind): Promise<MachineDaemon> {
  const { daemon, client, directoryVariable } = FLAVOURS[kind];
  const directory = `/var/lib/${kind}`;
  const env = [
    ...[`${directoryVariable}=${directory}`, 'SSL_CERT_FILE=/trust.pem', 'SSL_CERT_DIR=/none'],
    // Debian's unit sets this too, so that incus-agent is found.
    'PATH=/usr/libexec/incus:$PATH',
  ].join(' ');
  await machine.run(`mkdir ${directory}`);
  await machine.run(`${env} setsid ${daemon} --group root >/var/log/${kind}.log 2>&1 &`);
  await machine.run(`${env} ${daemon} waitready --timeout 300`);
  const call = (...args: readonly string[]) =>
    machine.run([env, client, ...args.map(quoted)].join(' '));
  await call('storage', 'create', 'default', 'dir');
  await call('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default');
  return { client: call };
}

/** Launches an image as a virtual machine. Returns the greeting that its system prints. */
export async function greetingFromMachine(daemon: MachineDaemon, image: string): Promise<string> {
  await daemon.client('launch', image, 'probe', '--vm', '--quiet', ...INSTANCE_OPTIONS);
  // Every attempt takes time from the guest.
  return eventually(
    () => daemon.client('exec', 'probe', '--', 'cat', '/etc/greeting'),
    900_000,
    5_000,
  );
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
