import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { cliOutput, runCli } from '../support/cli.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/bucketstreams.js', import.meta.url));
type Shell = 'bash' | 'zsh' | 'fish';

/** The command with which each shell prints the completions of `line`, one per line. */
const DRIVERS: Readonly<Record<Shell, (script: string, line: string) => readonly string[]>> = {
  bash: (script, line) => [
    ...['--norc', '-c'],
    `${script}
     COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
     _bucketstreams; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: (script, line) => [
    ...['-f', '-c'],
    `compdef() { : }; compadd() { shift; print -l -- "$@" }; _files() { print files }
     ${script}
     words=(${line}); CURRENT=$#words
     _bucketstreams`,
  ],
  fish: (script, line) => [
    ...['--no-config', '-c'],
    `${script}
     complete -C '${line.replaceAll("''", '')}' | cut -f 1`,
  ],
};

describe('completion', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  before(async () => {
    folder = await temporaryFolder();
    const program = join(folder.path, 'bucketstreams');
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
    await chmod(program, 0o755);
    await writeFile(join(folder.path, 'lxd.tar.xz'), '');
  });
  after(() => folder[Symbol.asyncDispose]());

  const cases: readonly [line: string, expected: readonly string[]][] = [
    ['bucketstreams gateway t', ['token', 'trust']],
    ["bucketstreams gateway trust ''", ['list', 'remove']],
    ['bucketstreams gateway token x --all', ['--allow']],
    ['bucketstreams pru', ['prune']],
    ["bucketstreams list --log-format ''", ['json', 'text']],
    ['bucketstreams completion z', ['zsh']],
  ];
  const installed = (['bash', 'zsh', 'fish'] as const).filter(
    (shell) => spawnSync(shell, ['--version']).error === undefined,
  );
  for (const shell of installed) {
    const complete = async (line: string) => {
      const script = await cliOutput(['completion', shell]);
      const path = [folder.path, process.env.PATH].join(delimiter);
      const { stdout, stderr } = spawnSync(shell, DRIVERS[shell](script, line), {
        cwd: folder.path,
        env: { ...process.env, PATH: path, HOME: folder.path },
        encoding: 'utf8',
      });
      assert.equal(stderr, '');
      return stdout.split('\n').filter(Boolean).toSorted();
    };
    for (const [line, expected] of cases) {
      it(`in ${shell} completes ${line}`, async () => {
        assert.deepEqual(await complete(line), expected);
      });
    }

    it(`in ${shell} leaves files to the shell`, async () => {
      const own = { bash: [], zsh: ['files'], fish: ['lxd.tar.xz'] };
      assert.deepEqual(await complete('bucketstreams publish lxd'), own[shell]);
    });
  }

  it('supports three shells', async () => {
    const { code, stderr } = await runCli(['completion', 'tcsh']);
    assert.equal(code, 2);
    assert.match(stderr, /'tcsh' is invalid.*bash, zsh, fish/);
  });
});
