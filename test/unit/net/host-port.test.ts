import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { bracketed, formatHostPort, parseHostPort } from '../../../src/net/host-port.ts';

describe('HOST:PORT', () => {
  it('is a name or an address with a port, or a port alone', () => {
    for (const [text, host, port] of [
      ['hub.example.org:8444', 'hub.example.org', 8444],
      ['127.0.0.1:0', '127.0.0.1', 0],
      ['[::1]:65535', '::1', 65_535],
      [':8444', '', 8444],
      ['8444', '', 8444],
    ] as const) {
      assert.deepEqual(parseHostPort(text), { host, port }, text);
    }
  });

  it('is nothing else', () => {
    for (const text of [
      '',
      'nowhere',
      'host:',
      'host:http',
      'host:65536',
      'host:000080',
      '::1:80',
      '[::1]',
      '[]:80',
      '[a]b:80',
      'a b:80',
      'https://host:80',
    ]) {
      assert.equal(parseHostPort(text), undefined, text);
    }
  });

  it('is written so that it reads back the same', () => {
    for (const one of [
      { host: '::1', port: 1 },
      { host: 'a', port: 2 },
      { host: '1.2.3.4', port: 3 },
    ]) {
      assert.deepEqual(parseHostPort(formatHostPort(one)), one);
    }
    assert.equal(bracketed('fe80::1'), '[fe80::1]');
    assert.equal(bracketed('localhost'), 'localhost');
  });
});
