import type { Pass } from '../images/digests.ts';
import type { MetricLabels } from '../log/meter.ts';
import type { PipelineContext } from './context.ts';

/** Digests a body as `Hasher.digest` does, and counts its bytes. */
export async function digest(
  { hasher, meter }: Pick<PipelineContext, 'hasher' | 'meter'>,
  body: AsyncIterable<Uint8Array>,
  prefixes: readonly Uint8Array[],
  labels?: MetricLabels,
): Promise<Pass> {
  const pass = await hasher.digest(body, prefixes);
  meter.count('BytesHashed', pass.size, labels);
  return pass;
}
