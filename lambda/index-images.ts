import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import { indexVersions, type IndexReport } from '../src/pipeline/indexing/index-versions.ts';
import { functionContext, type Invocation } from './function-context.ts';
import { isCatalogProblem } from './metrics.ts';
import {
  decodeRequest,
  hideFor,
  isWhollyRead,
  parseQueueEvent,
  type BatchResponse,
  type QueueMessage,
  waitOf,
} from './queue-batch.ts';

const queue = new SQSClient({});
const world = functionContext();

/**
 * Indexes what a batch of messages names. A message is done when all its versions are public or in a
 * state that only new files can change; one that is not comes back, the later the more often it came.
 * When the catalog or the public files cannot be written, all messages come back.
 */
export async function handler(event: unknown, invocation: Invocation): Promise<BatchResponse> {
  const { context, meter, bucket, queueUrl } = await world;
  const messages = parseQueueEvent(event);
  // Graphs show a gap where there is no zero.
  for (const name of ['BytesHashed', 'CommitRetries'] as const) meter.count(name, 0);
  const requests = messages.map((message) => ({
    message,
    request: decodeRequest(message.body, bucket),
  }));
  const wanted = requests.flatMap(({ request }) =>
    request.kind === 'index' ? request.prefixes : [],
  );
  const remaining = invocation.getRemainingTimeInMillis();
  let report: IndexReport;
  try {
    report = await indexVersions(context, wanted, {
      deadline: context.now() + remaining,
      invocationMs: remaining,
    });
  } catch (error) {
    meter.count('CatalogProblems', isCatalogProblem(error) ? 1 : 0);
    meter.flush();
    context.log('error', 'nothing indexed', {
      error: String(error),
      request: invocation.awsRequestId,
    });
    // The function fails, so Lambda hands back the whole batch: soon, not after the visibility time-out.
    for (const message of messages) await hide(message, waitOf(message), queueUrl);
    throw error;
  }
  const failed: QueueMessage[] = [];
  for (const { message, request } of requests) {
    if (request.kind === 'malformed') {
      context.log('error', 'message cannot be read', {
        message: message.messageId,
        reason: request.reason,
      });
      failed.push(message);
      // No wait makes it readable: the dead-letter queue is to have it soon.
      await hide(message, 0, queueUrl);
      continue;
    }
    // Its other records go their way; what this one named, the next sweep finds.
    for (const reason of request.unreadable ?? []) {
      context.log('error', 'record cannot be read', { message: message.messageId, reason });
    }
    const seconds = hideFor(message, request.prefixes, report.outcomes);
    if (seconds === undefined) continue;
    failed.push(message);
    await hide(message, seconds, queueUrl);
  }
  const malformed = requests.filter(({ request }) => !isWhollyRead(request));
  meter.count('MalformedMessages', malformed.length);
  meter.flush();
  context.log('info', 'indexed', {
    messages: messages.length,
    versions: report.outcomes.size,
    generation: report.generation,
    returned: failed.length,
    request: invocation.awsRequestId,
  });
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

async function hide(message: QueueMessage, seconds: number, queueUrl: string): Promise<void> {
  const { context } = await world;
  try {
    await queue.send(
      new ChangeMessageVisibilityCommand({
        QueueUrl: queueUrl,
        ReceiptHandle: message.receiptHandle,
        VisibilityTimeout: seconds,
      }),
    );
  } catch (error) {
    // It then comes back when the queue's own visibility time is over: later, but it does.
    context.log('warn', 'visibility not changed', {
      message: message.messageId,
      error: String(error),
    });
  }
}
