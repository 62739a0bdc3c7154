import { productPath, shown } from '../../images/layout.ts';
import { removeVersions } from '../../pipeline/removal/remove-versions.ts';
import type { UploadContext } from '../accept-upload.ts';
import { ImageError } from '../../archives/image-error.ts';
import { GatewayError } from './responses.ts';
import { aliasDocument, knownImageDocument, stagedImageDocument } from './documents.ts';
import { productOfAlias } from '../../publishing/choose-product.ts';
import { allows, type TrustedClient } from '../trust-store.ts';
import { byFingerprint, knownImages, type KnownImage } from '../../publishing/known-images.ts';
import type { StagedImage } from '../staged-image.ts';

/** Returns the published images and the client's own staged ones. A client does not see those of others. */
export async function listImages(uploads: UploadContext, client: TrustedClient): Promise<object[]> {
  const known = await knownImages(uploads.store);
  return [
    ...known.map(knownImageDocument),
    ...uploads.staging.ownedBy(client).map(stagedImageDocument),
  ];
}

export async function showImage(
  uploads: UploadContext,
  prefix: string,
  client: TrustedClient,
): Promise<object> {
  const waiting = byFingerprint(uploads.staging.ownedBy(client), prefix);
  if (waiting) return stagedImageDocument(waiting);
  return knownImageDocument(await publishedImage(uploads, prefix));
}

async function publishedImage(uploads: UploadContext, prefix: string): Promise<KnownImage> {
  const name = uploads.register.publishedAs(prefix) ?? prefix;
  const image = byFingerprint(await knownImages(uploads.store), name);
  if (image) return image;
  throw new GatewayError(404, 'Image not found');
}

/** Withdraws an image. Its names leave the public files at once; its bytes are deleted after a grace. */
export async function deleteImage(
  uploads: UploadContext,
  prefix: string,
  client: TrustedClient,
): Promise<void> {
  const waiting = byFingerprint(uploads.staging.ownedBy(client), prefix);
  if (waiting) return uploads.staging.discard(waiting);
  const [recent] = uploads.register
    .placed()
    .filter(([fingerprint]) => fingerprint.startsWith(prefix));
  const image = recent ? undefined : await publishedImage(uploads, prefix);
  const ref = recent?.[1].ref ?? image?.ref;
  if (!ref) return;
  const path = productPath(ref.product);
  if (!allows(client.allow, path))
    throw new GatewayError(403, `this client may not remove from ${path}`);
  const files = image && !image.alone ? [image.file] : undefined;
  await removeVersions(uploads, [{ ref, ...(files && { files }) }]);
  if (recent) uploads.register.forget(recent[0]);
}

/** Returns the image that an alias names: the newest version, and a container before a virtual machine. */
export async function showAlias(
  uploads: UploadContext,
  name: string,
  client: TrustedClient,
): Promise<object> {
  const named = (await knownImages(uploads.store)).filter(({ aliases }) => aliases.includes(name));
  const image = named.find(({ type }) => type === 'container') ?? named[0];
  if (image) return aliasDocument(name, image);
  const waiting = uploads.staging.ownedBy(client).find(({ aliases }) => aliases.includes(name));
  if (waiting) return { name, description: '', target: waiting.fingerprint, type: 'container' };
  throw new GatewayError(404, 'Image alias not found');
}

/**
 * Gives an alias to an image. For a staged image, the alias decides the product and places it. For a published
 * image, the alias must be one that its product already has; then nothing is stored.
 */
export async function createAlias(
  uploads: UploadContext,
  name: string,
  target: string,
  client: TrustedClient,
): Promise<void> {
  const waiting = byFingerprint<StagedImage>(uploads.staging.ownedBy(client), target);
  if (waiting) {
    try {
      await uploads.staging.placeByAlias(waiting, name, client.allow);
    } catch (error) {
      // The response reports a failure. So the image must not be published later by its properties.
      if (error instanceof ImageError) await uploads.staging.discard(waiting);
      throw error;
    }
    return;
  }
  const [recent] = uploads.register.placed().filter(([fingerprint]) => fingerprint === target);
  const ref = recent?.[1].ref ?? (await publishedImage(uploads, target)).ref;
  const path = productPath(ref.product);
  const named = productOfAlias(name, ref.product.arch);
  if ('product' in named && productPath(named.product) === path) return;
  throw new GatewayError(
    409,
    `the image is published as ${path}, and not as ${JSON.stringify(shown(name))}: a product gets further aliases by its product.toml; to have the image as another product, delete it and upload it anew`,
  );
}
