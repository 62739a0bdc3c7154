import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventsSource } from '../../../src/local/changes/change-sources.ts';
import type { LogFields } from '../../../src/log/logger.ts';
import { minioWebhook, s3Record } from '../../support/aws/s3-events.ts';

const KEY = 'images/iats/xenial/amd64/default/20240101/lxd.tar.xz';
const PREFIX = 'images/iats/xenial/amd64/default/20240101/';

describe('posted events of a bucket', () => {
  const dirty: string[] = [];
  const told: string[] = [];
  let url: string;
  let close: () => Promise<void>;

  before(async () => {
    const log = (_: string, message: string, fields: LogFields = {}) => {
      told.push(message);
      if (message.startsWith('listening')) url = `http://127.0.0.1:${String(fields['port'])}/`;
    };
    const source = eventsSource(
      { host: '127.0.0.1', port: 0 },
      { token: 'secret', bucket: 'ours', log },
    );
    const started = await source((prefixes) => dirty.push(...prefixes));
    close = () => started.close();
  });
  after(() => close());

  /** Posts a body. Gives the status, the marked prefixes, and the log. */
  async function post(body: unknown) {
    dirty.length = told.length = 0;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: 'Bearer secret' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, dirty: [...dirty], told: [...told] };
  }

  it('mark the version of an image of ours', async () => {
    const { status, dirty: marked } = await post(minioWebhook('ours', KEY, 's3:ObjectCreated:Put'));
    assert.deepEqual([status, marked], [200, [PREFIX]]);
  });

  const nothing: readonly (readonly [name: string, body: unknown])[] = [
    ['s3:TestEvent', { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'ours' }],
    ['an event of another bucket', minioWebhook('theirs', KEY, 's3:ObjectCreated:Put')],
    ['our own output', minioWebhook('ours', 'streams/v1/images.json', 's3:ObjectCreated:Put')],
    ['the catalog', minioWebhook('ours', 'catalog/catalog.json', 's3:ObjectCreated:Put')],
    ['another folder', minioWebhook('ours', 'backups/x', 's3:ObjectCreated:Put')],
  ];
  for (const [name, body] of nothing) {
    it(`accept ${name} without an effect`, async () => {
      const { status, dirty: marked } = await post(body);
      assert.deepEqual([status, marked], [200, []]);
    });
  }

  it('accept a key that cannot be an image, and report it', async () => {
    const key = 'images/a b/xenial/amd64/default/20240101/lxd.tar.xz';
    const answer = await post(minioWebhook('ours', key, 's3:ObjectCreated:Put'));
    assert.deepEqual([answer.status, answer.dirty, answer.told], [200, [], ['not indexed']]);
  });

  it('mark the valid records beside a damaged one', async () => {
    const Records = [s3Record(KEY, { encoded: '%zz' }), { s3: 5 }, s3Record(KEY)];
    const { status, dirty: marked, told: said } = await post({ Records });
    assert.deepEqual([status, marked], [200, [PREFIX]]);
    assert.ok(said.includes('an event could not be read'));
  });

  for (const body of ['', 'x', '[]', '5', '{"Records": 5}', '{"Records": [']) {
    it(`reject ${JSON.stringify(body)}`, async () => {
      const { status, dirty: marked, told: said } = await post(body);
      assert.deepEqual([status, marked], [400, []]);
      assert.ok(said.includes('not a bucket notification'));
    });
  }
});
