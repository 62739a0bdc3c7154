/**
 * Paths of requests and the required responses, for every front: the local front and the CDN's
 * function. `key` is the object to read from the store. Without `key`, the front itself responds
 * with `status`.
 */
export interface DeliveryCase {
  readonly path: string;
  readonly answer: { readonly key: string } | { readonly status: 403 | 404 };
}

const IMAGE = 'images/iats/xenial/amd64/default/20180716_12:00/lxd.tar.xz';

export const DELIVERY_TABLE: readonly DeliveryCase[] = [
  ...reaches({
    '/streams/v1/index.json': 'streams/v1/index.json',
    '/streams/v1/images.json': 'streams/v1/images.json',
    '/streams/v1/com.example-2.json': 'streams/v1/com.example-2.json',
    '/streams/v1/index%2Ejson': 'streams/v1/index.json',
    '/images/iats/xenial/amd64/default/20180716_12:00/lxd.tar.xz': IMAGE,
    '/images/iats/xenial/amd64/default/20180716_12%3A00/lxd.tar.xz': IMAGE,
    '/images/iats/xenial/amd64/default/20180716_12%3a00/lxd.tar.xz': IMAGE,
    '/images/a/b/c/d/20200101/disk.qcow2': 'images/a/b/c/d/20200101/disk.qcow2',
    '/images/a/b/c/d/20200101/x..y': 'images/a/b/c/d/20200101/x..y',
    '/images/a': 'images/a',
  }),
  ...refuses(
    403,
    '/',
    '/images',
    '/images/',
    '/images/iats/',
    '/images/iats/xenial/amd64/default/20180716_12:00/',
    '/streams',
    '/streams/',
    '/streams/v1',
    '/streams/v1/',
    '/catalog/',
    '/streams/v1/index.json/',
  ),
  ...refuses(
    404,
    '',
    '//',
    'streams/v1/index.json',
    '/catalog',
    '/catalog/catalog.json',
    '/catalog/mirror.json',
    '/streams/v1/index.txt',
    '/streams/v1/.json',
    '/streams/v1/.hidden.json',
    '/streams/v1/a/index.json',
    '/streams/v1/a:b.json',
    '/streams/v2/index.json',
    '/streams/index.json',
    '/streams//v1/index.json',
    '//streams/v1/index.json',
    '/Streams/v1/index.json',
    '/images/a/b/c/d/20200101/removed.json',
    '/images/a/b/c/d/20200101/REMOVED.json',
    '/images/a/b/c/d/20200101/removed%2Ejson',
    '/images/removed.json',
    '/images/.bucketstreams/tls/ca.key',
    '/.bucketstreams/tls/ca.key',
    '/images/a/.hidden/x',
    '/images/a/.hidden',
    '/images/a/%2ehidden',
    '/images/../catalog/catalog.json',
    '/images/./a',
    '/images/..',
    '/images/../',
    '/images/%2e%2e/catalog/catalog.json',
    '/images/%2E%2E/catalog/catalog.json',
    '/images/.%2e/catalog/catalog.json',
    '/images%2f..%2fcatalog%2fcatalog.json',
    '/images/..%2fcatalog/catalog.json',
    '/images/%252e%252e/catalog/catalog.json',
    '/images/a%252fb',
    '/images/a%2fb',
    '/images//a',
    '/images/a//b',
    '/images/a//',
    '/images/a%00',
    '/images/a%00.json',
    '/images/a\\b',
    '/images/..\\catalog\\catalog.json',
    '/images/..%5ccatalog%5ccatalog.json',
    '/images/a%20b',
    '/images/a b',
    '/images/a+b',
    '/images/a%2Bb',
    '/images/a%3Fb',
    '/images/a%23b',
    '/images/a%',
    '/images/%zz',
    '/images/%c0%ae%c0%ae/catalog/catalog.json',
    '/images/%ff',
    '/images/caf%C3%A9',
    '/images/\u00e9',
    '/images/a?b',
    '/images/a;b',
    '/images/a~',
    `/images/${'a'.repeat(1024)}`,
    `/images/${'%61'.repeat(2000)}`,
    '/robots.txt',
    '/favicon.ico',
    '/1.0',
  ),
];

function reaches(table: Readonly<Record<string, string>>): DeliveryCase[] {
  return Object.entries(table).map(([path, key]) => ({ path, answer: { key } }));
}

function refuses(status: 403 | 404, ...paths: string[]): DeliveryCase[] {
  return paths.map((path) => ({ path, answer: { status } }));
}
