import { productPath, versionPrefix, type VersionRef } from '../../images/layout.ts';
import type { PipelineContext } from '../../pipeline/context.ts';
import { removeVersions, type Withdrawn } from '../../pipeline/removal/remove-versions.ts';
import { indexAll } from '../../pipeline/indexing/update.ts';
import { formatBytes } from '../console/progress.ts';
import { renderTable } from '../console/table.ts';

/** Returns a table of the versions to remove, or already removed. */
export function withdrawalTable(versions: readonly Withdrawn[]): string {
  const rows = versions.map(({ ref, files }) => [
    versionPath(ref),
    String(files.length),
    formatBytes(files.reduce((sum, { size }) => sum + size, 0)),
  ]);
  return renderTable(['VERSION', 'FILES', 'SIZE'], rows);
}

/** Returns the versions to remove, or already removed, as JSON. */
export function withdrawalJson(versions: readonly Withdrawn[], removed: boolean): string {
  const list = versions.map(({ ref, files }) => ({ version: versionPath(ref), files }));
  return JSON.stringify({ removed, versions: list }, undefined, 2) + '\n';
}

/** Withdraws versions and removes their names from the public files. */
export async function withdraw(
  context: PipelineContext,
  refs: readonly VersionRef[],
): Promise<readonly Withdrawn[]> {
  const withdrawn = await removeVersions(
    context,
    refs.map((ref) => ({ ref })),
  );
  await indexAll(context, refs.map(versionPrefix));
  return withdrawn;
}

export function versionPath({ product, version }: VersionRef): string {
  return `${productPath(product)}/${version}`;
}
