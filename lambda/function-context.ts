import { createHasher } from '../src/hashing/hasher.ts';
import { jsonLogger, type LogLevel } from '../src/log/logger.ts';
import { createContext, type PipelineContext } from '../src/pipeline/context.ts';
import { openStore } from '../src/storage/open-store.ts';
import { emfMeter, type EmfMeter } from './metrics.ts';
import { parseSettings } from './settings.ts';
import { storeLocation } from './store-location.ts';

/** What Lambda tells a handler beside the event, as far as it is used. */
export interface Invocation {
  readonly awsRequestId: string;
  /** Milliseconds until the invocation is cut off. */
  getRemainingTimeInMillis(): number;
}

export interface FunctionWorld {
  readonly context: PipelineContext;
  /** That of the context. A handler flushes it at its end. */
  readonly meter: EmfMeter;
  /** Of the master. */
  readonly bucket: string;
  readonly queueUrl: string;
}

/**
 * The context of a function, from its environment: STORE_URL, QUEUE_URL, LOG_LEVEL,
 * BUCKETSTREAMS_SETTINGS. Made once a process, so that digests and connections outlive an invocation.
 */
export async function functionContext(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<FunctionWorld> {
  const location = storeLocation('STORE_URL', environment['STORE_URL']);
  const store = await openStore({ location });
  const write = (line: string) => void process.stdout.write(line);
  const meter = emfMeter(write, environment['DEPLOYMENT']);
  const context = createContext({
    store,
    hasher: createHasher({
      threads: hasTwoProcessors(environment) ? 'auto' : 0,
      workerUrl: new URL('./digest-worker.js', import.meta.url),
    }),
    log: jsonLogger(write, levelOf(environment['LOG_LEVEL'])),
    meter,
    settings: parseSettings(environment['BUCKETSTREAMS_SETTINGS'] ?? '{}'),
  });
  return {
    context,
    meter,
    bucket: location.kind === 'bucket' ? location.bucket : '',
    queueUrl: environment['QUEUE_URL'] ?? '',
  };
}

function levelOf(text: string | undefined): LogLevel {
  const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
  return levels.find((level) => level === text?.toLowerCase()) ?? 'info';
}

/**
 * Lambda gives a whole processor for each 1,769 MB (AWS Lambda guide, "Configure Lambda function memory"),
 * and shows two of which a smaller function gets a share.
 */
function hasTwoProcessors(environment: NodeJS.ProcessEnv): boolean {
  return Number(environment['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? 0) >= 2 * 1769;
}
