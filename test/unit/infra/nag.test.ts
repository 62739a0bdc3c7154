import { Annotations, Match } from 'aws-cdk-lib/assertions';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployment, synthesise } from '../../support/aws/deployment.ts';

describe('the rules of cdk-nag (AwsSolutions)', () => {
  for (const [name, plan] of Object.entries({
    'with mirrors of both kinds': deployment(),
    'with the master alone': deployment({ mirrors: [], failover: undefined }),
    'with names, written once': deployment({
      domains: ['images.example.org'],
      certificate: 'arn:aws:acm:us-east-1:111122223333:certificate/abc',
      writeOnce: true,
      replicationTimeControl: true,
    }),
  })) {
    it(`find nothing ${name}`, () => {
      const { stacks } = synthesise(plan);
      for (const stack of [stacks.master, ...stacks.mirrors]) {
        const found = [
          ...Annotations.fromStack(stack).findError('*', Match.anyValue()),
          ...Annotations.fromStack(stack).findWarning('*', Match.anyValue()),
        ].map(({ id, entry }) => `${id}: ${JSON.stringify(entry.data)}`);
        assert.deepEqual(found, []);
      }
    });
  }

  it('are suppressed only with a reason', () => {
    const { stacks } = synthesise();
    for (const stack of [stacks.master, ...stacks.mirrors]) {
      for (const child of stack.node.findAll()) {
        const metadata = child.node.metadata.map(({ data }) => JSON.stringify(data)).join();
        assert.ok(!metadata.includes('"reason":""'));
      }
    }
  });
});
