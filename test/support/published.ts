import { CLIENTS } from '../../src/images/file-kinds.ts';
import { readImages } from './clients.ts';
import { eventually } from './eventually.ts';
import type { ServeProcess } from './program.ts';

/**
 * Waits until both clients see a version of a product, `os:release:arch:variant`. With a
 * fingerprint it waits until they see that image of the version.
 */
export async function untilListed(
  server: Pick<ServeProcess, 'get' | 'log'>,
  product: string,
  version: string,
  fingerprint?: string,
): Promise<void> {
  await eventually(async () => {
    const images = readImages(await server.get('/streams/v1/images.json'));
    for (const client of CLIENTS) {
      const seen = images
        .imagesFor(client)
        .filter((image) => image.product === product && image.version === version)
        .some((image) => fingerprint === undefined || image.fingerprint === fingerprint);
      if (!seen) {
        throw new Error(`${client} does not see ${product} ${version}. Log:\n${server.log()}`);
      }
    }
    return true;
  });
}
