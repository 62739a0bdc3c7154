import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { alarmsTopicName } from '../../src/facts/deployment-names.ts';
import { deadLetters, failures, masterAlarms, mirrorAlarms, type AlarmPlan } from './alarms.ts';
import { dashboard } from './dashboard.ts';
import type { Deployment } from '../deployment.ts';
import type { Watched } from './watched.ts';

const RUNBOOK = 'docs/operations.md';

/** The alarms, each with its section in the runbook, a topic to subscribe to, and a dashboard. */
export class Observability extends Construct {
  readonly alarms: sns.Topic;
  readonly #deployment: Deployment;

  constructor(scope: Construct, deployment: Deployment, watched: Watched) {
    super(scope, 'Observability');
    this.#deployment = deployment;
    this.alarms = new sns.Topic(this, 'Alarms', {
      topicName: alarmsTopicName(deployment),
      enforceSSL: true,
    });
    const { events, indexing, fanOuts } = watched;
    this.#add('', [
      deadLetters('index-dead-letters', events.index.dead),
      failures('index-failures', indexing.index),
      failures('sweep-failures', indexing.sweep),
      ...masterAlarms(deployment, events.index.queue),
    ]);
    for (const fanOut of fanOuts) {
      this.#add(`-${fanOut.mirror.name}`, [
        deadLetters('mirror-dead-letters', fanOut.work.dead),
        ...mirrorAlarms(deployment, fanOut.mirror),
      ]);
    }
    dashboard(this, deployment, watched);
  }

  #add(suffix: string, plans: readonly AlarmPlan[]): void {
    for (const plan of plans) {
      const alarm = new cloudwatch.Alarm(this, `${plan.name}${suffix}`, {
        alarmName: `${this.#deployment.deployment}-${plan.name}${suffix}`,
        alarmDescription: `${plan.meaning} What to do: ${RUNBOOK}#${plan.name}`,
        metric: plan.metric,
        threshold: plan.threshold,
        evaluationPeriods: plan.periods,
        comparisonOperator:
          plan.comparison ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: plan.silenceIsBad
          ? cloudwatch.TreatMissingData.BREACHING
          : cloudwatch.TreatMissingData.NOT_BREACHING,
      });
      alarm.addAlarmAction(new actions.SnsAction(this.alarms));
      alarm.addOkAction(new actions.SnsAction(this.alarms));
    }
  }
}
