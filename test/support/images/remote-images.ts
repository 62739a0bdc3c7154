import type { InstanceDaemon } from '../servers/instance-daemon.ts';

/** The parts of the output of `image list` that the tests use. */
export interface ListedImage {
  readonly fingerprint: string;
  readonly type: string;
  readonly aliases: readonly string[];
  readonly serial: string;
}

/** Lists a remote's images, `hub:`, by the real client. */
export async function listImages(
  daemon: InstanceDaemon,
  remote: string,
): Promise<readonly ListedImage[]> {
  const images = JSON.parse(await daemon.client('image', 'list', remote, '--format=json')) as {
    fingerprint: string;
    type: string;
    aliases: { name: string }[] | null;
    properties: Record<string, string>;
  }[];
  return images.map(({ fingerprint, type, aliases, properties }) => ({
    fingerprint,
    type,
    aliases: (aliases ?? []).map(({ name }) => name),
    serial: properties.serial ?? '',
  }));
}

/** Launches an image, reads the greeting inside, and deletes the instance. */
export async function greetingFrom(daemon: InstanceDaemon, image: string): Promise<string> {
  await daemon.client('launch', image, 'probe', '--quiet');
  try {
    return await daemon.client('exec', 'probe', '--', 'cat', '/etc/greeting');
  } finally {
    await daemon.client('delete', '--force', 'probe');
  }
}
