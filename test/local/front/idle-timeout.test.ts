import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { startServe } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/temporary.ts';

it('serve cuts a silent connection after the configured time, without a response', async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'bucketstreams.toml'), '[serve]\nidle_timeout = 1\n');
  const server = await startServe(join(folder.path, 'data'), ['--http'], { cwd: folder.path });
  try {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const answer: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => answer.push(chunk));
    socket.write('GET /streams/v1/index.json HTTP/1.1\r\n');
    await once(socket, 'close');
    // The limit on the time for a whole request would respond with a status instead.
    assert.equal(Buffer.concat(answer).toString(), '');
  } finally {
    await server.stop();
  }
});
