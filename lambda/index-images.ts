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
 * Indexes the versions that a batch of messages names. A message is done when all its versions are public or
 * in a state that only new files can change. Any other message returns to the queue, after a wait that grows
 * with each return. When the catalog or the public files cannot be written, all messages return.
 */
export async function handler(event: unknown, invocation: Invocation): Promise<BatchResponse> {
  const { context, meter, bucket, queueUrl } = await world;
  const messages = parseQueueEvent(event);
  // Without a zero, graphs show a gap.
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
    // The function fails, so Lambda hands back the whole batch. This makes it return soon, not after the
    // visibility time-out.
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
      // A wait does not make it readable, so it should reach the dead-letter queue soon.
      await hide(message, 0, queueUrl);
      continue;
    }
    // The other records of the message are indexed. The next sweep finds the object of this record.
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
    // The message then returns when the queue's own visibility time is over, which is later.
    context.log('warn', 'visibility not changed', {
      message: message.messageId,
      error: String(error),
    });
  }
}
