import { App } from 'aws-cdk-lib';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addStacks } from '../../infra/stacks.ts';
import { CommandError, run } from '../support/command.ts';
import { ACCOUNT, deployment } from '../support/aws/deployment.ts';
import { installPythonPackages } from '../support/install/python-packages.ts';
import { temporaryFolder, type TemporaryFolder } from '../support/temporary.ts';
import { pythonProgram } from '../support/tools.ts';

let folder: TemporaryFolder;

before(async () => {
  assert.deepEqual(await installPythonPackages(), []);
  folder = await temporaryFolder();
});
after(() => folder[Symbol.asyncDispose]());

describe('cfn-lint', () => {
  for (const [name, plan] of Object.entries({
    'both kinds of mirrors': deployment(),
    'names, written once': deployment({
      domains: ['images.example.org'],
      certificate: 'arn:aws:acm:us-east-1:111122223333:certificate/abc',
      writeOnce: true,
      replicationTimeControl: true,
    }),
  })) {
    it(`finds nothing in the templates: ${name}`, async () => {
      const app = new App({ outdir: join(folder.path, name.replaceAll(/\W+/g, '-')) });
      const { master, mirrors } = addStacks(app, plan, ACCOUNT);
      const assembly = app.synth();
      for (const stack of [master, ...mirrors]) {
        const { templateFullPath } = assembly.getStackArtifact(stack.artifactId);
        // W3005: CDK writes dependencies that references already imply.
        const args = ['--ignore-checks', 'W3005', '--regions', stack.region, '--template'];
        await run(pythonProgram('cfn-lint'), [...args, templateFullPath]).catch(
          (error: unknown) => {
            assert.ok(error instanceof CommandError);
            assert.fail(`${stack.stackName}: ${error.stdout}${error.stderr}`);
          },
        );
      }
    });
  }
});
