import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CommandError, run } from '../../support/command.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const APP = join(import.meta.dirname, '../../../infra/app.ts');

describe('infra/app.ts', () => {
  it('stops with file, line and remedy, and no other output, when the configuration is wrong', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'bucketstreams.toml');
    await writeFile(file, '[store]\nmaster = "file:./data"\n');
    await assert.rejects(
      run(process.execPath, ['--no-warnings', APP], {
        cwd: folder.path,
        env: { CDK_CONTEXT_JSON: JSON.stringify({ config: file }), NO_COLOR: '1' },
      }),
      (error) => {
        assert.ok(error instanceof CommandError);
        assert.equal(
          error.stderr,
          `${file}:2: store.master: only a bucket on AWS can be deployed; ` +
            'write master = "s3://BUCKET?region=REGION"\n',
        );
        return true;
      },
    );
  });
});
