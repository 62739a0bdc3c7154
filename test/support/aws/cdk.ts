import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';
import type { LocalAws } from './ministack.ts';
import { README_LINES } from '../readme.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** A deployment by the real `cdk`, from a configuration in a folder of the test. */
export class Deployer {
  readonly #aws: LocalAws;
  readonly #folder: string;

  constructor(aws: LocalAws, folder: string) {
    this.#aws = aws;
    this.#folder = folder;
  }

  /** The folder with the templates of the last run. */
  get output(): string {
    return join(this.#folder, 'cdk.out');
  }

  async configure(toml: string): Promise<void> {
    await writeFile(join(this.#folder, 'bucketstreams.toml'), toml);
  }

  async bootstrap(...regions: readonly string[]): Promise<void> {
    const environments = regions.map((region) => `aws://${this.#aws.account}/${region}`);
    // Without an app: bootstrapping is the same for every app.
    await this.#cdk('bootstrap', '--app', '', ...environments);
  }

  /** Deploys all stacks as the README does, without a question. Returns what was printed. */
  deploy(): Promise<string> {
    const [npx, cdk, ...args] = README_LINES.deploy[0].split(' ');
    if (npx !== 'npx' || cdk !== 'cdk')
      throw new Error(`no line for cdk: ${README_LINES.deploy[0]}`);
    return this.#cdk(...args, '--require-approval', 'never', ...this.#app());
  }

  /** Makes a change set of one stack, named `changes`, but does not execute it. */
  prepare(stack: string, changes: string, ...options: readonly string[]): Promise<string> {
    const method = [
      '--method',
      'prepare-change-set',
      '--change-set-name',
      changes,
      '--require-approval',
      'never',
    ];
    return this.#cdk('deploy', stack, '--exclusively', ...method, ...options, ...this.#app());
  }

  destroy(): Promise<string> {
    return this.#cdk('destroy', '--all', '--force', ...this.#app());
  }

  /** The outputs of a stack, by name. */
  async outputs(stack: string): Promise<Readonly<Record<string, string>>> {
    const answer = JSON.parse(
      await this.#aws.aws(['cloudformation', 'describe-stacks', '--stack-name', stack]),
    ) as {
      readonly Stacks: readonly {
        readonly Outputs: readonly { readonly OutputKey: string; readonly OutputValue: string }[];
      }[];
    };
    const outputs = answer.Stacks[0]?.Outputs ?? [];
    return Object.fromEntries(
      outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    );
  }

  #app(): string[] {
    const config = join(this.#folder, 'bucketstreams.toml');
    return ['--context', `config=${config}`, '--output', this.output];
  }

  #cdk(...args: readonly string[]): Promise<string> {
    return run(join(ROOT, 'node_modules/.bin/cdk'), ['--no-color', '--ci', ...args], {
      cwd: ROOT,
      env: { ...this.#aws.environment, CDK_DISABLE_CLI_TELEMETRY: 'true', CI: 'true' },
      timeout: 600_000,
    });
  }
}
