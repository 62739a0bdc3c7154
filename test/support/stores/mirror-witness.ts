import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { parseCatalog } from '../../../src/catalog/codec.ts';
import { listedFiles } from '../../../src/catalog/listed-files.ts';
import { CATALOG_KEY } from '../../../src/catalog/document.ts';
import { parseMirror } from '../../../src/mirrors/ledger/codec.ts';
import { MIRROR_KEY, type MirrorDocument } from '../../../src/mirrors/ledger/document.ts';
import { IMAGES_PREFIX } from '../../../src/images/layout.ts';
import { compareRevisions, readGeneration } from '../../../src/simplestreams/generation.ts';
import { listedEntries } from '../../../src/simplestreams/listing.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { memoryStore, type BodyOf } from './memory-store.ts';
import { assertTrue, itemsIn } from './mirror-fixture.ts';

const STREAMS = ['streams/v1/images.json', 'streams/v1/index.json'] as const;

/**
 * Checks every change of a mirror at the moment of the change, with what each looker did before it.
 */
export class MirrorWitness {
  readonly master: ObjectStore;
  readonly mirror: ObjectStore;
  /** The errors, in order. */
  readonly complaints: unknown[] = [];
  /** The listed names of the master, by generation. */
  readonly #listed = new Map<number, Names>();
  readonly #documents = new Map<number, MirrorDocument>();
  readonly #bodies = new Map<string, Buffer | undefined>();
  /** By the text of a document: when its writer last listed the mirror before it wrote. */
  readonly #looks = new Map<string, number>();
  #events = 0;
  #replacedAt = 0;

  constructor() {
    this.master = memoryStore('master', (bodyOf) => {
      if (this.#isNew(bodyOf, CATALOG_KEY)) this.#list(String(bodyOf(CATALOG_KEY)));
    });
    this.mirror = memoryStore('mirror', (bodyOf) => {
      try {
        assertTrue(bodyOf);
        const document = this.#bodies.get(MIRROR_KEY);
        if (this.#isNew(bodyOf, MIRROR_KEY)) this.#swap(document, bodyOf(MIRROR_KEY));
        for (const key of STREAMS) {
          const before = this.#bodies.get(key);
          if (this.#isNew(bodyOf, key)) this.#publish(key, before, bodyOf(key));
        }
      } catch (error) {
        this.complaints.push(error);
      }
    });
  }

  /** The mirror as one more looker uses it. */
  looker(): ObjectStore {
    const { mirror } = this;
    const events = { next: () => ++this.#events, looks: this.#looks };
    let lookedAt = -1;
    return {
      url: mirror.url,
      stat: (key) => mirror.stat(key),
      read: (key, options) => mirror.read(key, options),
      upload: (key, body, options) => mirror.upload(key, body, options),
      copy: (source, key, options) => mirror.copy(source, key, options),
      remove: (key, options) => mirror.remove(key, options),
      close: () => Promise.resolve(),
      list: (prefix, options) => {
        if (prefix === IMAGES_PREFIX) lookedAt = events.next();
        return mirror.list(prefix, options);
      },
      write: (key, body, options) => {
        if (key === MIRROR_KEY) {
          const text = Buffer.from(body).toString();
          // When two lookers write the same text, it does not matter which one succeeds.
          events.looks.set(text, Math.max(lookedAt, events.looks.get(text) ?? -1));
        }
        return mirror.write(key, body, options);
      },
    };
  }

  #isNew(bodyOf: BodyOf, key: string): boolean {
    const body = bodyOf(key);
    if (this.#bodies.get(key) === body) return false;
    this.#bodies.set(key, body);
    return true;
  }

  #list(text: string): void {
    const parsed = parseCatalog(text);
    assert.ok(parsed.kind === 'catalog', text);
    const { catalog } = parsed;
    const files = listedFiles([...listedEntries(catalog)]);
    const items = files.map(({ key, sha256 }) => ({ path: key, sha256: String(sha256) }));
    this.#listed.set(catalog.generation, namesOf(items));
  }

  /** Asserts that the deciding document is replaced only by one that is newer in every part. */
  #swap(before: Buffer | undefined, after: Buffer | undefined): void {
    const replacedAt = this.#replacedAt;
    this.#replacedAt = ++this.#events;
    const document = parsed(after ?? assert.fail('the document was taken away'));
    this.#documents.set(document.revision, document);
    if (before === undefined) return;
    const old = parsed(before);
    assert.ok(document.revision > old.revision, 'its revision grows');
    assert.ok(document.generation >= old.generation, 'its generation never falls');
    const lookedAt = this.#looks.get(String(after)) ?? -1;
    assert.ok(
      lookedAt > replacedAt,
      `revision ${document.revision} rests on a look that is older than revision ${old.revision}`,
    );
  }

  #publish(
    key: (typeof STREAMS)[number],
    before: Buffer | undefined,
    after: Buffer | undefined,
  ): void {
    assert.ok(after, `${key} was taken away`);
    const revision = readGeneration(after) ?? assert.fail(`${key} has no generation`);
    const was = before && readGeneration(before);
    if (was)
      assert.ok(compareRevisions(revision, was) > 0, `${key} fell back or was written twice`);
    const { catalog: generation, mirror = 0 } = revision;
    const document = this.#documents.get(mirror);
    assert.equal(document?.generation, generation, `${key} is of no document that there was`);
    if (key !== 'streams/v1/images.json') {
      const images = this.#bodies.get('streams/v1/images.json') ?? assert.fail('index.json first');
      assert.ok(
        compareRevisions(revision, readGeneration(images)!) <= 0,
        `${key} is ahead of images.json`,
      );
      return;
    }

    const listed = this.#listed.get(generation) ?? assert.fail(`no generation ${generation}`);
    const items = itemsIn(after.toString());
    for (const { path, sha256 } of items) {
      assert.equal(document.files[path]?.sha256, sha256, `${path} is named and not proven`);
    }
    const named = namesOf(items);
    for (const [version, files] of named) {
      assert.equal(files, listed.get(version), `not what generation ${generation} lists`);
    }
    for (const [version, files] of was ? namesOf(itemsIn(String(before))) : []) {
      if (named.get(version) === files) continue;
      const since = [...this.#listed].filter(([one]) => one > was!.catalog && one <= generation);
      assert.ok(
        since.some(([, names]) => names.get(version) !== files),
        `${version} was taken away, which the master listed all the time since`,
      );
    }
  }
}

/**
 * The files of each version: `path sha256` in order. Tests with this witness have one root per
 * version.
 */
type Names = ReadonlyMap<string, string>;

function namesOf(items: readonly { readonly path: string; readonly sha256: string }[]): Names {
  const files = new Map<string, Set<string>>();
  for (const { path, sha256 } of items) {
    const version = dirname(path);
    files.set(version, (files.get(version) ?? new Set()).add(`${path} ${sha256}`));
  }
  return new Map([...files].map(([version, names]) => [version, [...names].sort().join()]));
}

function parsed(body: Buffer): MirrorDocument {
  const result = parseMirror(body.toString());
  assert.ok(result.kind === 'mirror', body.toString());
  return result.mirror;
}
