import { eventually } from '../eventually.ts';
import { FLAVOURS, type DaemonKind } from '../servers/instance-daemon.ts';
import type { Machine } from './machine.ts';

/** LXD or Incus within an emulated machine. It ends with the machine. */
export interface MachineDaemon {
  /** Runs `lxc` or `incus`; answers what it wrote. */
  client(...args: readonly string[]): Promise<string>;
}

/**
 * QEMU's emulation of SVM stops at an assertion when a guest writes the register CR8, as UEFI does at the end of
 * every interrupt, while KVM waits to bring it the next (target/i386/tcg, helper_write_crN: cpu_interrupt without
 * the lock). With the interrupt controller in QEMU, KVM takes all such writes itself; QEMU then has to be told to
 * leave out what needs KVM's own controller.
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
    // Debian's unit has incus-agent found so.
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

/** Launches an image as a virtual machine and answers the greeting that its system gives from within. */
export async function greetingFromMachine(daemon: MachineDaemon, image: string): Promise<string> {
  await daemon.client('launch', image, 'probe', '--vm', '--quiet', ...INSTANCE_OPTIONS);
  // Every question takes the guest's time away.
  return eventually(
    () => daemon.client('exec', 'probe', '--', 'cat', '/etc/greeting'),
    900_000,
    5_000,
  );
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
