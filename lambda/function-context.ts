import { createHasher } from '../src/hashing/hasher.ts';
import { jsonLogger, type LogLevel } from '../src/log/logger.ts';
import { createContext, type PipelineContext } from '../src/pipeline/context.ts';
import { openStore } from '../src/storage/open-store.ts';
import { emfMeter, type EmfMeter } from './metrics.ts';
import { parseSettings } from './settings.ts';
import { storeLocation } from './store-location.ts';

/** The part of Lambda's context argument that is used. */
export interface Invocation {
  readonly awsRequestId: string;
  /** Returns the milliseconds until the invocation is cut off. */
  getRemainingTimeInMillis(): number;
}

export interface FunctionWorld {
  readonly context: PipelineContext;
  /** The meter of the context. A handler flushes it at its end. */
  readonly meter: EmfMeter;
  /** The bucket of the master. */
  readonly bucket: string;
  readonly queueUrl: string;
}

/**
 * Creates the context of a function from its environment: STORE_URL, QUEUE_URL, LOG_LEVEL,
 * BUCKETSTREAMS_SETTINGS. It is created once per process, so that digests and connections outlive an
 * invocation.
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
 * Lambda gives a whole processor for each 1,769 MB (AWS Lambda guide, "Configure Lambda function memory"). A
 * smaller function sees two processors but gets only a share of them.
 */
function hasTwoProcessors(environment: NodeJS.ProcessEnv): boolean {
  return Number(environment['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'] ?? 0) >= 2 * 1769;
}
