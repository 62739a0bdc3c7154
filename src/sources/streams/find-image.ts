import { Readable } from 'node:stream';

import { canonicalArchitecture } from '../../images/architectures.ts';
import { parseSha256, type Sha256 } from '../../images/digests.ts';
import { gatheredBody } from '../../bytes/gathered-body.ts';
import { opening, wholeBody, type BorrowedChunks } from '../../bytes/borrowed-chunks.ts';
import { InstanceServerError } from '../instances/connection.ts';
import type { Part } from '../../bytes/multipart.ts';
import type { IncomingImage } from '../../archives/incoming-image.ts';

/** An image on a simplestreams server. */
export interface StreamImage {
  readonly fingerprint: Sha256;
  /** Of an image of two files. */
  readonly metadataPath?: string;
  /** The root's, or that of the one file. */
  readonly rootPath: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface StreamsSource {
  readonly server: string;
  /** `container`, `virtual-machine`, or empty for the first that there is. */
  readonly imageType: string;
  readonly signal?: AbortSignal;
}

const DOCUMENT_LIMIT = 64 * 1024 * 1024;
const METADATA_TYPES = ['lxd.tar.xz', 'incus.tar.xz'];
const UNIFIED_TYPES = ['lxd_combined.tar.gz', 'incus_combined.tar.gz'];
/** In the clients' order of preference (shared/simplestreams/sort.go), with the field of the fingerprint. */
const ROOTS: readonly (readonly [ftype: string, field: string, type: string])[] = [
  ['squashfs', 'combined_squashfs_sha256', 'container'],
  ['root.tar.xz', 'combined_rootxz_sha256', 'container'],
  ['disk-kvm.img', 'combined_disk-kvm-img_sha256', 'virtual-machine'],
  ['uefi1.img', 'combined_uefi1-img_sha256', 'virtual-machine'],
  ['disk1.img', 'combined_disk1-img_sha256', 'virtual-machine'],
];

/** Finds the newest image that an alias or fingerprint names; of this machine's architecture first. */
export async function findStreamImage(source: StreamsSource, name: string): Promise<StreamImage> {
  const index = await document(source, 'streams/v1/index.json');
  const own = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const found: (StreamImage & { readonly arch: string | undefined })[] = [];
  for (const entry of values(index['index'])) {
    if (entry['datatype'] !== 'image-downloads' || typeof entry['path'] !== 'string') continue;
    const products = values((await document(source, entry['path']))['products']);
    for (const product of products) {
      const arch = canonicalArchitecture(textOf(product['arch']));
      const named = aliasesOf(product, arch).includes(name);
      const images = imagesOf(product, source.imageType);
      const image = named ? images[0] : images.find((one) => one.fingerprint.startsWith(name));
      if (image && (named || name.length >= 12)) found.push({ ...image, arch });
    }
  }
  const image = found.find(({ arch }) => arch === own) ?? found[0];
  if (image) return image;
  throw new InstanceServerError(`${source.server} has no image ${JSON.stringify(name)}`);
}

/** Opens its files, one after the other. */
export function openStreamImage(
  source: StreamsSource,
  { metadataPath, rootPath }: StreamImage,
): IncomingImage {
  if (metadataPath === undefined) return { kind: 'unified', body: opened(source, rootPath) };
  return { kind: 'split', parts: openedParts(source, metadataPath, rootPath) };
}

async function* openedParts(
  source: StreamsSource,
  metadataPath: string,
  rootPath: string,
): AsyncGenerator<Part, void, undefined> {
  yield { name: 'metadata', body: await open(source, metadataPath) };
  yield { name: 'rootfs', body: await open(source, rootPath) };
}

function opened(source: StreamsSource, path: string): BorrowedChunks {
  return opening(async () => ({ body: await open(source, path) }));
}

/** A product's images of a type, the newest first. */
function imagesOf(product: Readonly<Record<string, unknown>>, type: string): StreamImage[] {
  const versions = Object.entries(mapOf(product['versions'])).sort(([a], [b]) => (a < b ? 1 : -1));
  return versions.flatMap(([serial, version]) => {
    const items = values(mapOf(version)['items']);
    const of = (...ftypes: string[]) =>
      items.find(({ ftype }) => typeof ftype === 'string' && ftypes.includes(ftype));
    const metadata = of(...METADATA_TYPES);
    const properties = {
      ...{ os: textOf(product['os']), release: textOf(product['release']), serial },
      architecture: textOf(product['arch']),
      ...(typeof product['variant'] === 'string' && { variant: product['variant'] }),
    };
    const split = ROOTS.flatMap(([ftype, field, kind]): StreamImage[] => {
      const root = of(ftype);
      const fingerprint = parseSha256(textOf(metadata?.[field]));
      if (!metadata || !root || !fingerprint || (type !== '' && type !== kind)) return [];
      const metadataPath = textOf(metadata['path']);
      return [{ fingerprint, metadataPath, rootPath: textOf(root['path']), properties }];
    });
    // Clients take each image of one file for a container.
    const unified = type === 'virtual-machine' ? undefined : of(...UNIFIED_TYPES);
    const fingerprint = parseSha256(textOf(unified?.['sha256']));
    if (!unified || !fingerprint) return split;
    return [...split, { fingerprint, rootPath: textOf(unified['path']), properties }];
  });
}

function aliasesOf(product: Readonly<Record<string, unknown>>, arch: string | undefined): string[] {
  const aliases = textOf(product['aliases']).split(',').filter(Boolean);
  const suffixes = [textOf(product['arch']), arch ?? ''].filter(Boolean);
  return aliases.flatMap((alias) => [alias, ...suffixes.map((suffix) => `${alias}/${suffix}`)]);
}

async function document(source: StreamsSource, path: string): Promise<Record<string, unknown>> {
  const bytes = await wholeBody(await open(source, path), DOCUMENT_LIMIT);
  try {
    return mapOf(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new InstanceServerError(`${path} at ${source.server} is no JSON`, { cause: error });
  }
}

async function open({ server, signal }: StreamsSource, path: string): Promise<BorrowedChunks> {
  if (!/^https:\/\//i.test(server) || !URL.canParse(server)) {
    throw new InstanceServerError(`${JSON.stringify(server)} is no https URL`);
  }
  const url = new URL(path.replace(/^\/+/, ''), `${server.replace(/\/+$/, '')}/`);
  let response: Response;
  try {
    response = await fetch(url, signal && { signal });
  } catch (error) {
    throw new InstanceServerError(`${url.href} cannot be reached: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (response.status === 200 && response.body) {
    return gatheredBody(Readable.fromWeb(response.body));
  }
  throw new InstanceServerError(`${url.href} answers with status ${response.status}`);
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function values(map: unknown): Record<string, unknown>[] {
  return Object.values(mapOf(map)).map(mapOf);
}

function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
