import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { startMirrors } from '../../../src/mirrors/follow.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { createContext } from '../../../src/pipeline/context.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { run } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { mirrorOf } from '../../support/stores/mirror-fixture.ts';
import { startReader } from '../../support/stores/mirror-reader.ts';
import { projection } from '../../support/stores/pipeline-fixture.ts';
import { randomMaster } from '../../support/stores/random-master.ts';
import { makeBucket, storeOptions } from '../../support/services/bucket.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';
import { freePort } from '../../support/services/service.ts';
import { startSickProxy, type SickProxy } from '../../support/servers/sick-proxy.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const BUCKET = 'images';
const KEYS = ['streams/v1/images.json', 'streams/v1/index.json'];

/** The fault that a mirror has in the middle of the run. */
type Fate = 'well' | 'killed' | 'slow' | 'full' | 'read-only' | 'unavailable';

/**
 * One MinIO with a proxy in front of it. The fan-out uses the proxy; readers use the server
 * directly.
 */
class Place {
  readonly fate: Fate;
  readonly store: ObjectStore;
  readonly direct: ObjectStore;
  readonly #proxy: SickProxy;
  readonly #start: () => Promise<S3Service>;
  readonly #folder: string;
  #service: S3Service;

  private constructor(
    fate: Fate,
    parts: {
      service: S3Service;
      proxy: SickProxy;
      start: () => Promise<S3Service>;
      folder: string;
    },
  ) {
    this.fate = fate;
    this.#service = parts.service;
    this.#proxy = parts.proxy;
    this.#start = parts.start;
    this.#folder = parts.folder;
    this.store = openS3Store({
      ...storeOptions(parts.service, BUCKET),
      endpoint: parts.proxy.endpoint,
    });
    this.direct = openS3Store(storeOptions(parts.service, BUCKET));
  }

  static async open(fate: Fate, stack: AsyncDisposableStack): Promise<Place> {
    const folder = stack.use(await temporaryFolder()).path;
    if (fate === 'full') {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder]);
      stack.defer(async () => {
        await run('umount', [folder]);
      });
    }
    const port = await freePort();
    const start = () => startMinio({ data: folder, port });
    const service = await start();
    await makeBucket(service, BUCKET);
    const proxy = await startSickProxy(service.endpoint);
    const place = new Place(fate, { service, proxy, start, folder });
    stack.defer(() => place.#close());
    return place;
  }

  async fall(): Promise<void> {
    switch (this.fate) {
      case 'killed':
        return this.#service.stop();
      case 'slow':
      case 'read-only':
      case 'unavailable':
        this.#proxy.sickness = this.fate;
        return;
      case 'well':
      case 'full':
    }
  }

  /** Stops a slow mirror completely. */
  hold(): void {
    if (this.fate === 'slow') this.#proxy.sickness = 'held';
  }

  async recover(): Promise<void> {
    this.#proxy.sickness = 'none';
    if (this.fate === 'killed') this.#service = await this.#start();
    if (this.fate === 'full') await run('mount', ['-o', 'remount,size=512m', this.#folder]);
  }

  async #close(): Promise<void> {
    await this.store.close();
    await this.direct.close();
    await this.#proxy.close();
    await this.#service.stop();
  }
}

async function equals(master: ObjectStore, mirror: ObjectStore): Promise<boolean> {
  for (const key of KEYS) {
    if ((await projection(master, key)) !== (await projection(mirror, key))) return false;
  }
  return true;
}

/** A server that was killed must still be down, so nothing can have been copied to it. */
async function isBehind(master: ObjectStore, { fate, direct }: Place): Promise<boolean> {
  if (fate !== 'killed') return !(await equals(master, direct));
  await assert.rejects(equals(master, direct), { code: 'unavailable' });
  return true;
}

async function play(fates: readonly Fate[], steps: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const master = await Place.open('well', stack);
  const places: Place[] = [];
  for (const fate of fates) places.push(await Place.open(fate, stack));
  const hasher = createHasher({ threads: 0 });
  const context = createContext({ store: master.direct, hasher, log: silentLogger });
  await scanStore(context);

  const readers = places.map((place) => startReader(place.direct));
  for (const reader of readers) stack.defer(() => reader.stop().catch(() => undefined));
  const mirrors = startMirrors({
    context,
    mirrors: places.map((place, at) => mirrorOf(place.store, { name: `mirror-${at}` })),
    graceMs: 1500,
    pollMs: 100,
  });
  stack.defer(() => mirrors.close());
  const random = randomMaster(context, `fates ${fates.join()}`);
  for (let step = 0; step < steps; step++) {
    if (step === Math.floor(steps / 4)) for (const place of places) await place.fall();
    if (step === Math.floor(steps / 2)) for (const place of places) place.hold();
    await random.step();
  }
  assert.ok(random.done.overwrite > 5 && random.done.remove > 5, JSON.stringify(random.done));
  // The healthy mirrors are up to date while the others still have their faults.
  for (const place of places.filter(({ fate }) => fate === 'well')) {
    await eventually(() => equals(master.direct, place.direct), 30_000);
  }
  for (const place of places.filter(({ fate }) => fate !== 'well')) {
    assert.ok(await isBehind(master.direct, place), `${place.fate} is behind`);
  }
  for (const place of places.filter(({ fate }) => fate !== 'well')) await place.recover();
  for (const place of places) {
    await eventually(() => equals(master.direct, place.direct), 90_000);
  }
  for (const reader of readers) {
    await reader.stop();
    assert.ok(reader.observations() > 5, 'it was looked at');
  }
}

describe('mirrors, each on its own server', { timeout: 400_000 }, () => {
  it('two: one is killed and started again', () => play(['well', 'killed'], 200));
  it('five: killed, slowed, filled, made read-only, failing with 503', () =>
    play(['killed', 'slow', 'full', 'read-only', 'unavailable', 'well'], 200));
});
