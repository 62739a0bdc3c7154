import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ConfigError } from '../../../src/config/config-error.ts';
import { defaultConfig, parseConfig } from '../../../src/config/load-config.ts';

const FILE = '/etc/images/bucketstreams.toml';
const DOCUMENT = join(import.meta.dirname, '../../../docs/configuration.md');

/** The keys that the parser accepts in a table, from its error for another key. */
function knownKeys(toml: string): string[] {
  try {
    parseConfig(toml, FILE);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    const [, list] = /is not known; known here: (.*)$/.exec(error.message) ?? [];
    if (list !== undefined) return list.split(', ');
    throw error;
  }
  return assert.fail('it was taken');
}

describe('docs/configuration.md', () => {
  let text: string;
  let example: string;
  before(async () => {
    text = await readFile(DOCUMENT, 'utf8');
    example = /```toml\n(.*?)```/s.exec(text)?.[1] ?? assert.fail('there is no example');
  });

  /** The keys in the first column of a section's table. */
  function documented(heading: string): string[] {
    const [, section = ''] = text.split(`\n## \`${heading}\`\n`);
    const rows = (section.split('\n## ')[0] ?? '').matchAll(/^\| `([a-z_]+)` +\|/gm);
    return [...rows].map(([, key = '']) => key).toSorted();
  }

  const sections = knownKeys('unheard_of = 1');
  for (const section of sections) {
    const heading = section === 'mirrors' ? '[mirrors.NAME]' : `[${section}]`;
    const toml =
      section === 'mirrors'
        ? '[mirrors.m]\nstore = "s3://other"\nunheard_of = 1'
        : `[${section}]\nunheard_of = 1`;

    it(`has exactly the keys of ${heading}, in its table and in the example`, () => {
      const keys = knownKeys(toml);
      assert.deepEqual(documented(heading), keys.toSorted());
      for (const key of keys) assert.match(example, new RegExp(`^${key} = `, 'm'));
    });
  }

  it('has a valid example', () => {
    const config = parseConfig(example, FILE);
    assert.deepEqual(
      config.mirrors.map(({ name }) => name),
      ['paris', 'garage'],
    );
  });

  it('gives the right defaults', () => {
    const config = defaultConfig('/etc/images');
    const shown = parseConfig(example, FILE);
    assert.deepEqual(shown.publish, config.publish);
    assert.equal(shown.delivery.streamsMaxAge, config.delivery.streamsMaxAge);
    assert.equal(shown.delivery.imagesMaxAge, config.delivery.imagesMaxAge);
    assert.equal(shown.retention.grace, config.retention.grace);
    const { scanEvery, settle, idleTimeout, port, watch } = config.serve;
    const { serve } = shown;
    assert.deepEqual(
      { scanEvery, settle, idleTimeout, port, watch },
      {
        scanEvery: serve.scanEvery,
        settle: serve.settle,
        idleTimeout: serve.idleTimeout,
        port: serve.port,
        watch: serve.watch,
      },
    );
    assert.deepEqual(shown.deployment, config.deployment);
  });
});
