import { X509Certificate } from 'node:crypto';

import { acceptUpload, type AcceptedUpload, type UploadContext } from '../accept-upload.ts';
import { GatewayError } from './responses.ts';
import { guardedBody, type BodyLimits } from './upload-limits.ts';
import type { ImagePost } from './request.ts';
import type { TrustedClient } from '../trust-store.ts';
import type { ServerAddress } from '../../sources/instances/connection.ts';
import { exportImage, findImage } from '../../sources/instances/images.ts';
import type { Part } from '../../bytes/multipart.ts';
import type { IncomingImage } from '../../archives/incoming-image.ts';
import { openNamedServer } from '../../sources/streams/named-server.ts';

/** Fetches an image from the source that a client named, until the signal aborts it. */
export async function pullImage(
  uploads: UploadContext,
  post: ImagePost,
  limits: BodyLimits,
  by: TrustedClient,
  signal: AbortSignal,
): Promise<AcceptedUpload> {
  const name = post.fingerprint || post.alias;
  if (name === '' || post.server === '') {
    throw new GatewayError(400, 'the source has no server or no image');
  }
  const { aliases, properties } = post;
  if (post.protocol === 'simplestreams') {
    checkCertificate(post.certificate);
    const pinned = post.certificate === '' ? {} : { certificate: post.certificate };
    const server = openNamedServer(post.server, { ...pinned, signal });
    try {
      const found = await server.find({ name, imageType: post.imageType });
      return await acceptUpload(uploads, {
        image: limited(server.open(found), limits),
        sizeLimit: limits.size,
        aliases,
        by,
        signal,
        fingerprint: found.fingerprint,
        properties: { ...found.properties, ...properties },
      });
    } finally {
      server.close();
    }
  }
  if (post.protocol !== 'lxd' && post.protocol !== 'incus' && post.protocol !== '') {
    throw new GatewayError(
      400,
      `a source of protocol ${JSON.stringify(post.protocol)} is not known`,
    );
  }
  checkCertificate(post.certificate);
  const address: ServerAddress = {
    url: post.server,
    ...(post.certificate !== '' && { certificate: post.certificate }),
  };
  const query = {
    ...(post.project !== '' && { project: post.project }),
    ...(post.secret !== '' && { secret: post.secret }),
  };
  const { fingerprint, properties: own } = await findImage(address, name, query, signal);
  const image = limited(await exportImage(address, fingerprint, query, signal), limits);
  return acceptUpload(uploads, {
    image,
    sizeLimit: limits.size,
    fingerprint,
    aliases,
    by,
    signal,
    properties: { ...own, ...properties },
  });
}

function checkCertificate(pem: string): void {
  if (pem === '') return;
  try {
    new X509Certificate(pem);
  } catch {
    throw new GatewayError(400, "the source's certificate cannot be read; one in PEM is expected");
  }
}

function limited(image: IncomingImage, limits: BodyLimits): IncomingImage {
  if (image.kind === 'unified') return { kind: 'unified', body: guardedBody(image.body, limits) };
  return { kind: 'split', parts: limitedParts(image.parts, limits) };
}

async function* limitedParts(
  parts: AsyncIterable<Part>,
  limits: BodyLimits,
): AsyncGenerator<Part, void, undefined> {
  for await (const { name, body } of parts) yield { name, body: guardedBody(body, limits) };
}
