import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { cliOutput, runCli } from '../support/cli.ts';
import { placeImage, randomImage } from '../support/images/image-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PRODUCT = 'busybox/1.36/amd64/default';

it('prune uses [retention], but only for the store of the configuration', async () => {
  await using folder = await temporaryFolder();
  const options = { cwd: folder.path };
  for (const version of ['20200101', '20200102', '20200103']) {
    await placeImage(join(folder.path, 'data'), `${PRODUCT}/${version}`, randomImage());
  }
  await writeFile(
    join(folder.path, 'bucketstreams.toml'),
    '[store]\nmaster = "file:data"\n[serve]\nsettle = 0\n[retention]\nkeep = 2\nmax_age_days = 30\n',
  );
  await cliOutput(['update'], options);
  const elsewhere = await runCli(['prune', '--store', 'file:other'], options);
  assert.equal(elsewhere.code, 2, elsewhere.stderr);
  const all = await cliOutput(['prune', '--keep', '1', '--dry-run'], options);
  assert.match(all, /20200101[^]*20200102/);
  const pruned = await cliOutput(['prune'], options);
  assert.match(pruned, /20200101/);
  assert.doesNotMatch(pruned, /20200102/);
});
