import {
  IMAGES_PREFIX,
  parseProductName,
  parseProductPath,
  versionProblem,
  type VersionRef,
} from '../../images/layout.ts';
import { UsageError } from '../console/exit.ts';

/**
 * Reads `os/release/arch/variant/version`. Colons between the names of the product, and `images/` at the start,
 * are allowed. Throws UsageError.
 */
export function parseVersionOperand(text: string): VersionRef {
  const path = (text.startsWith(IMAGES_PREFIX) ? text.slice(IMAGES_PREFIX.length) : text).replace(
    /\/$/,
    '',
  );
  const slash = path.lastIndexOf('/');
  const [name, version] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
  const product = parseProductPath(name) ?? parseProductName(name);
  if (product === undefined) {
    throw new UsageError(
      `${JSON.stringify(text)} is no version; write os/release/arch/variant/version, as \`bucketstreams list\` shows it`,
    );
  }
  const problem = versionProblem(version);
  if (problem !== undefined) throw new UsageError(`${JSON.stringify(text)}: ${problem}`);
  return { product, version };
}
