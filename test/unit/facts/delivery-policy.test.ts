import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import vm from 'node:vm';
import { documentKeys, route } from '../../../src/facts/delivery-policy.ts';
import { DELIVERY_TABLE } from '../../support/aws/delivery-table.ts';

type RouteFunction = (path: string, documents: readonly string[]) => unknown;

function expected({ path, answer }: (typeof DELIVERY_TABLE)[number]) {
  if ('status' in answer) return { kind: 'refused', status: answer.status };
  return { kind: path.startsWith('/streams/') ? 'document' : 'image', key: answer.key };
}

describe('route', () => {
  for (const entry of DELIVERY_TABLE) {
    it(`responds to ${JSON.stringify(entry.path.slice(0, 80))} as in the table`, () => {
      assert.deepEqual(route(entry.path, documentKeys()), expected(entry));
    });
  }

  it('gives the same results when it runs from its source text alone', () => {
    const alone = vm.runInNewContext(`'use strict'; (${route.toString()})`) as RouteFunction;
    for (const entry of DELIVERY_TABLE) {
      assert.deepEqual(
        { ...(alone(entry.path, documentKeys()) as object) },
        expected(entry),
        entry.path,
      );
    }
  });

  it('uses in its source text only what CloudFront Functions support', () => {
    assert.doesNotMatch(route.toString(), /\?\.|\?\?|=>|\.\.\.|\bclass\b|\bimport\b|`/);
  });
});
