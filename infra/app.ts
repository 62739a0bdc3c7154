import { Annotations, App } from 'aws-cdk-lib';
import process from 'node:process';
import { ConfigError } from '../src/config/config-error.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { deploymentOf } from './deployment-of.ts';
import { addStacks } from './stacks.ts';

/**
 * The program that `cdk` runs. From CDK's context it reads `config`, the path of the configuration;
 * `bucketstreams.toml` by default.
 */
async function main(): Promise<void> {
  const app = new App();
  const path: unknown = app.node.tryGetContext('config');
  const config = await loadConfig({
    cwd: process.cwd(),
    ...(typeof path === 'string' ? { path } : {}),
  });
  const { deployment, warnings } = deploymentOf(config, process.env['CDK_DEFAULT_REGION']);
  const { master } = addStacks(app, deployment, process.env['CDK_DEFAULT_ACCOUNT']);
  for (const [index, warning] of warnings.entries()) {
    Annotations.of(master).addWarningV2(`bucketstreams:mirror-${index}`, warning);
  }
  app.synth();
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  // The message has all that its reader needs; a stack trace would hide it.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
