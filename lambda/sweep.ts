import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { mapConcurrently } from '../src/pipeline/concurrently.ts';
import { scanStore } from '../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../src/pipeline/removal/finish-removals.ts';
import { clearUploads } from '../src/publishing/clear-uploads.ts';
import { functionContext, type Invocation } from './function-context.ts';
import { isCatalogProblem } from './metrics.ts';
import { sweepMessage } from './queue-batch.ts';

/** Few, since a message returns whole while one of its versions is not done. */
const PREFIXES_PER_MESSAGE = 10;
const CALLS_AT_ONCE = 16;

const queue = new SQSClient({});
const world = functionContext();

/**
 * Finds changes without an event. It scans the store, has the index function index the differences, continues
 * removals, and deletes the remains of uploads. It reads no image. Fails when the store or the catalog cannot
 * be read; the next sweep tries again.
 */
export async function handler(_event: unknown, invocation: Invocation): Promise<void> {
  const { context, meter, queueUrl } = await world;
  try {
    const found = await scanStore(context);
    await enqueue(found.dirty, queueUrl);
    const removals = await finishRemovals(context);
    await enqueue(removals.deleted, queueUrl);
    await enqueue(await clearUploads(context), queueUrl);
    meter.count('SweepsCompleted', 1);
    meter.count('CatalogProblems', 0);
    context.log('info', 'swept', {
      different: found.dirty.length,
      refused: found.refused,
      held: found.heldRemovals,
      removing: removals.waiting,
      generation: found.catalog.generation,
      request: invocation.awsRequestId,
    });
  } catch (error) {
    if (isCatalogProblem(error)) meter.count('CatalogProblems', 1);
    context.log('error', 'sweep failed', {
      error: String(error),
      request: invocation.awsRequestId,
    });
    throw error;
  } finally {
    meter.flush();
  }
}

async function enqueue(prefixes: readonly string[], queueUrl: string): Promise<void> {
  const bodies = chunks(prefixes, PREFIXES_PER_MESSAGE).map(sweepMessage);
  await mapConcurrently(bodies, CALLS_AT_ONCE, (MessageBody) =>
    queue.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody })),
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
