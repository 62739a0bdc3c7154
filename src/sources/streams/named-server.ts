import type { IncomingImage } from '../../archives/incoming-image.ts';
import { opening, type BorrowedChunks } from '../../bytes/borrowed-chunks.ts';
import { gatheredBody } from '../../bytes/body-memory.ts';
import type { Part } from '../../bytes/multipart.ts';
import { InstanceServerError } from '../instances/connection.ts';
import type { FetchPolicy } from './fetch-policy.ts';
import { findStreamImage, type ImageQuery, type StreamImage } from './find-image.ts';
import { openRemote, type Remote } from './public-server.ts';
import { errorText } from '../../log/error-text.ts';

/** A simplestreams server that a client of the gateway named. It reports all errors as InstanceServerError. */
export interface NamedServer {
  find(query: ImageQuery): Promise<StreamImage>;
  /** Opens the files of an image, one after the other. */
  open(image: StreamImage): IncomingImage;
  close(): void;
}

/** Opens a server by its URL. Every request to it, redirects included, must use https. */
export function openNamedServer(
  url: string,
  policy: Pick<FetchPolicy, 'certificate' | 'signal'>,
): NamedServer {
  if (!/^https:\/\//i.test(url) || !URL.canParse(url)) {
    throw new InstanceServerError(`${JSON.stringify(url)} is no https URL`);
  }
  const remote = openRemote(url, { ...policy, schemes: ['https:'] });
  return {
    async find(query) {
      const found = await findStreamImage(remote, query).catch(rethrowAsInstanceError);
      if (found) return found;
      throw new InstanceServerError(`${url} has no image ${JSON.stringify(query.name)}`);
    },
    open({ metadataPath, rootPath }) {
      if (metadataPath === undefined) {
        const body = opening(async () => ({ body: await bodyOf(remote, rootPath) }));
        return { kind: 'unified', body };
      }
      return { kind: 'split', parts: openedParts(remote, metadataPath, rootPath) };
    },
    close: () => remote.close(),
  };
}

async function* openedParts(
  remote: Remote,
  metadataPath: string,
  rootPath: string,
): AsyncGenerator<Part, void, undefined> {
  yield { name: 'metadata', body: await bodyOf(remote, metadataPath) };
  yield { name: 'rootfs', body: await bodyOf(remote, rootPath) };
}

async function bodyOf(remote: Remote, path: string): Promise<BorrowedChunks> {
  return gatheredBody(await remote.open(path).catch(rethrowAsInstanceError));
}

/** Converts an error: a StoreError would be reported as a failure of our own store. */
function rethrowAsInstanceError(error: unknown): never {
  const message = errorText(error);
  throw new InstanceServerError(message, { cause: error });
}
