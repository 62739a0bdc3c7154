import { productPath } from '../../images/layout.ts';
import { canonicalArchitecture } from '../../images/architectures.ts';
import { imageType, type ImageType } from '../../images/file-kinds.ts';
import type { KnownImage } from '../../publishing/known-images.ts';
import type { StagedImage } from '../staged-image.ts';
import type { TrustedClient } from '../trust-store.ts';
import type { GatewayParts } from './call.ts';

/** API extensions that clients check before they use a call (doc/api-extensions.md of LXD). */
const EXTENSIONS = ['image_create_aliases', 'images_push_relay', 'image_copy_profile'];

const NEVER = '0001-01-01T00:00:00Z';

/** Converts milliseconds since 1970. A store may have times outside the range of a date. */
function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.valueOf()) ? NEVER : date.toISOString();
}

/** The fields that a client reads of both published and staged images (LXD's and Incus's `api.Image`). */
interface ImageParts {
  readonly fingerprint: string;
  readonly architecture: string;
  readonly size: number;
  readonly type: ImageType;
  readonly createdAt: string;
  readonly uploadedAt: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
}

function imageDocument(parts: ImageParts): object {
  const { fingerprint, architecture, size, type, properties } = parts;
  return {
    fingerprint,
    architecture,
    size,
    type,
    properties,
    aliases: parts.aliases.map((name) => ({ name, description: '' })),
    auto_update: false,
    cached: false,
    public: true,
    filename: '',
    profiles: ['default'],
    created_at: parts.createdAt,
    uploaded_at: parts.uploadedAt,
    expires_at: NEVER,
    last_used_at: NEVER,
  };
}

export function knownImageDocument(image: KnownImage): object {
  const { product, version } = image.ref;
  const at = isoTime(image.uploadedAt);
  return imageDocument({
    ...image,
    createdAt: at,
    uploadedAt: at,
    properties: {
      description: `${product.os} ${product.release} ${product.arch} ${product.variant} (${version})`,
      os: product.os,
      release: product.release,
      architecture: product.arch,
      variant: product.variant,
      serial: version,
    },
  });
}

/** The description marks the image as waiting for its product. */
export function stagedImageDocument(image: StagedImage): object {
  const { fingerprint, architecture, size, aliases, uploadedAt, properties } = image;
  return imageDocument({
    fingerprint,
    size,
    aliases,
    uploadedAt,
    architecture: canonicalArchitecture(architecture) ?? architecture,
    type: imageType(image.root.name),
    createdAt: isoTime(image.creationDate * 1000),
    properties: {
      ...properties,
      description: `(waits for its product) ${properties['description'] ?? ''}`.trim(),
    },
  });
}

/** The document of an alias (LXD's and Incus's `api.ImageAliasesEntry`). */
export function aliasDocument(name: string, { fingerprint, type, ref }: KnownImage): object {
  return { name, description: productPath(ref.product), target: fingerprint, type };
}

/** The response to `GET /1.0`: what clients ask about the server before they use it. */
export function serverDocument(
  { server }: GatewayParts,
  client: TrustedClient | undefined,
): object {
  const name = `bucketstreams-${server.fingerprint.slice(0, 12)}`;
  const environment = client
    ? {
        server: 'bucketstreams',
        server_version: server.version,
        server_name: name,
        certificate: server.certificate,
        certificate_fingerprint: server.fingerprint,
        addresses: [],
        architectures: [],
      }
    : { server_name: name, addresses: [] };
  return {
    api_extensions: EXTENSIONS,
    api_status: 'stable',
    api_version: '1.0',
    public: false,
    auth: client ? 'trusted' : 'untrusted',
    auth_methods: ['tls'],
    config: {},
    environment,
  };
}
