import type { Catalog, VersionState } from '../../catalog/document.ts';
import { productName } from '../../images/layout.ts';
import type { Meter } from '../../log/meter.ts';
import type { Target } from './targets.ts';

/** Measures what a scan found. */
export function measureScan(
  meter: Meter,
  found: {
    readonly catalog: Catalog;
    readonly dirty: readonly string[];
    readonly heldRemovals: number;
  },
): void {
  const states = Object.values(found.catalog.products).flatMap(({ versions }) =>
    Object.values(versions).map(({ state }) => state),
  );
  const count = (wanted: VersionState) => states.filter((state) => state === wanted).length;
  meter.gauge('VersionsPublished', count('published'));
  meter.gauge('VersionsIncomplete', count('incomplete'));
  meter.gauge('VersionsRejected', count('rejected'));
  meter.gauge('RemovalsHeld', found.heldRemovals);
  meter.count('VersionsDrifted', found.dirty.length);
}

/** Counts the targets that became rejected between two states of the catalog. */
export function measureRejections(
  meter: Meter,
  before: Catalog,
  after: Catalog,
  targets: readonly Target[],
): void {
  const rejected = targets.filter(
    (target) => stateOf(after, target) === 'rejected' && stateOf(before, target) !== 'rejected',
  );
  if (rejected.length > 0) meter.count('Rejections', rejected.length);
}

function stateOf({ products }: Catalog, target: Target): VersionState | undefined {
  if (target.kind !== 'version') return undefined;
  return products[productName(target.ref.product)]?.versions[target.ref.version]?.state;
}
