import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { issueAuthority, issueServer } from '../../../src/net/issue.ts';

/** A simplestreams server of another project: plain files over HTTPS, below a path. */
export interface PublicUpstream {
  /** The URL includes the path above all files. */
  readonly url: string;
  /** PEM of the authority that signed its certificate. */
  readonly authority: string;
  /** PEM of its certificate. */
  readonly certificate: string;
  /** The requested paths, below the URL, in order. */
  readonly requests: string[];
  /**
   * Paths in this set are stuck: the server sends half of the bytes, then nothing until they are
   * removed.
   */
  readonly stuck: Set<string>;
  close(): Promise<void>;
}

export type UpstreamFiles = Map<string, Buffer>;

export async function startPublicUpstream(
  files: UpstreamFiles,
  prefix = '',
): Promise<PublicUpstream> {
  const authority = await issueAuthority('upstream', Date.now());
  const pair = await issueServer(authority, ['127.0.0.1'], Date.now());
  const requests: string[] = [];
  const stuck = new Set<string>();
  const server = createServer(pair, (incoming, outgoing) => {
    const path = decodeURIComponent(incoming.url ?? '/').slice(1);
    const key = path.startsWith(prefix) ? path.slice(prefix.length) : '';
    const body = files.get(key);
    requests.push(key);
    if (body === undefined) {
      outgoing.writeHead(404).end('not here');
      return;
    }
    outgoing.writeHead(200, { 'content-length': body.length });
    if (stuck.has(key)) outgoing.write(body.subarray(0, body.length / 2));
    else outgoing.end(body);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/${prefix}`,
    authority: authority.cert,
    certificate: pair.cert,
    requests,
    stuck,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Bytes that are made from a name, so each name has different bytes. */
export function bytesOf(what: string, size = 2000): Buffer {
  const seed = createHash('sha256').update(what).digest();
  return Buffer.alloc(size, seed);
}

function hex(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function item(files: UpstreamFiles, ftype: string, path: string, body: Buffer, more = {}) {
  files.set(path, body);
  return { ftype, path, size: body.length, sha256: hex(body), ...more };
}

function json(files: UpstreamFiles, path: string, value: unknown): void {
  files.set(path, Buffer.from(JSON.stringify(value, undefined, 1)));
}

/**
 * A server like images.linuxcontainers.org: one products file, versions with a colon, metadata for
 * both clients, container and machine roots in one version, deltas, and `combined_*` hashes.
 */
export function linuxContainers(): UpstreamFiles {
  const files: UpstreamFiles = new Map();
  const product = (os: string, release: string, arch: string, versions: readonly string[]) => {
    const path = `${os.toLowerCase()}/${release}/${arch}/default`;
    const version = (name: string) => {
      const folder = `images/${path}/${name}/`;
      const metadata = bytesOf(`${folder}metadata`, 600);
      const squashfs = bytesOf(`${folder}squashfs`, 30_000);
      const disk = bytesOf(`${folder}disk`, 60_000);
      const combined = {
        combined_squashfs_sha256: hex(metadata, squashfs),
        'combined_disk-kvm-img_sha256': hex(metadata, disk),
      };
      return {
        items: {
          'disk.qcow2': item(files, 'disk-kvm.img', `${folder}disk.qcow2`, disk),
          'incus.tar.xz': item(files, 'incus.tar.xz', `${folder}incus.tar.xz`, metadata, combined),
          'lxd.tar.xz': item(files, 'lxd.tar.xz', `${folder}lxd.tar.xz`, metadata, combined),
          'root.squashfs': item(files, 'squashfs', `${folder}rootfs.squashfs`, squashfs),
          'root.20231231_13:00.vcdiff': item(
            files,
            'squashfs.vcdiff',
            `${folder}delta-20231231_13:00.vcdiff`,
            bytesOf(`${folder}delta`),
            { delta_base: '20231231_13:00' },
          ),
        },
      };
    };
    return {
      aliases: `${os.toLowerCase()}/${release}/default,${os.toLowerCase()}/${release}`,
      arch,
      os,
      release,
      release_title: release,
      requirements: { secureboot: 'false' },
      variant: 'default',
      lxc_requirements: null,
      versions: Object.fromEntries(versions.map((name) => [name, version(name)])),
    };
  };
  const three = ['20240101_13:00', '20240102_13:00', '20240103_13:00'];
  const products = {
    'alpine:3.19:amd64:default': product('Alpine', '3.19', 'amd64', three),
    'alpine:3.19:arm64:default': product('Alpine', '3.19', 'arm64', three),
    'debian:bookworm:amd64:default': product('Debian', 'bookworm', 'amd64', three.slice(0, 1)),
  };
  json(files, 'streams/v1/images.json', {
    content_id: 'images',
    datatype: 'image-downloads',
    format: 'products:1.0',
    products,
  });
  json(files, 'streams/v1/index.json', {
    format: 'index:1.0',
    index: {
      images: {
        datatype: 'image-downloads',
        path: 'streams/v1/images.json',
        format: 'products:1.0',
        products: Object.keys(products),
      },
    },
  });
  return files;
}

/**
 * A server like cloud-images.ubuntu.com/releases. It has an index that also names lists without
 * images, product names that differ from their fields, and long file names. It has several roots,
 * files without a meaning to a client, and one version with a root without SHA-256.
 */
export function ubuntuCloud(): UpstreamFiles {
  const files: UpstreamFiles = new Map();
  const version = (name: string, hashed: boolean) => {
    const stem = `server/releases/jammy/release-${name}/ubuntu-22.04-server-cloudimg-amd64`;
    const metadata = bytesOf(`${stem}-lxd`, 500);
    const squashfs = bytesOf(`${stem}-squashfs`, 40_000);
    const disk = bytesOf(`${stem}-disk1`, 50_000);
    const tree = bytesOf(`${stem}-root`, 45_000);
    const root = item(files, 'squashfs', `${stem}.squashfs`, squashfs, { md5: 'd41d8cd9' });
    return {
      items: {
        'disk1.img': item(files, 'disk1.img', `${stem}.img`, disk),
        'lxd.tar.xz': item(files, 'lxd.tar.xz', `${stem}-lxd.tar.xz`, metadata, {
          combined_sha256: hex(metadata, tree),
          combined_rootxz_sha256: hex(metadata, tree),
          combined_squashfs_sha256: hex(metadata, squashfs),
          'combined_disk1-img_sha256': hex(metadata, disk),
        }),
        manifest: item(files, 'manifest', `${stem}.manifest`, bytesOf(`${stem} manifest`, 90)),
        ova: item(files, 'ova', `${stem}.ova`, bytesOf(`${stem} ova`, 900)),
        'root.tar.xz': item(files, 'root.tar.xz', `${stem}-root.tar.xz`, tree),
        squashfs: hashed ? root : { ...root, sha256: undefined },
      },
      label: 'release',
      pubname: `ubuntu-jammy-22.04-amd64-server-${name}`,
    };
  };
  const download = 'streams/v1/com.ubuntu.cloud:released:download.json';
  json(files, download, {
    content_id: 'com.ubuntu.cloud:released:download',
    creator: 'simplestreams',
    datatype: 'image-downloads',
    format: 'products:1.0',
    license: 'http://www.canonical.com/intellectual-property-policy',
    updated: 'Mon, 01 Jan 2024 00:00:00 +0000',
    products: {
      'com.ubuntu.cloud:server:22.04:amd64': {
        aliases: '22.04,j,jammy,lts,default',
        arch: 'amd64',
        os: 'Ubuntu',
        release: 'jammy',
        release_codename: 'Jammy Jellyfish',
        release_title: '22.04 LTS',
        support_eol: '2027-06-01',
        supported: true,
        version: '22.04',
        versions: {
          '20231201': version('20231201', true),
          '20240101': version('20240101', true),
          '20240115': version('20240115', false),
          current: version('current', true),
        },
      },
    },
  });
  const names = ['com.ubuntu.cloud:server:22.04:amd64'];
  const entry = { format: 'products:1.0', products: names, updated: 'Mon, 01 Jan 2024 00:00:00' };
  json(files, 'streams/v1/index.json', {
    format: 'index:1.0',
    updated: 'Mon, 01 Jan 2024 00:00:00 +0000',
    index: {
      'com.ubuntu.cloud:released:aws': {
        ...entry,
        clouds: [{ endpoint: 'https://ec2.us-east-1.amazonaws.com', region: 'us-east-1' }],
        datatype: 'image-ids',
        path: 'streams/v1/com.ubuntu.cloud:released:aws.json',
      },
      'com.ubuntu.cloud:released:download': {
        ...entry,
        datatype: 'image-downloads',
        path: download,
      },
      'com.ubuntu.cloud:released:empty': {
        ...entry,
        datatype: 'image-downloads',
        path: 'streams/v1/never.json',
        products: [],
      },
    },
  });
  return files;
}
