import { createHash, randomBytes } from 'node:crypto';
import { parseProductPath, versionPrefix, type ProductRef } from '../../../src/images/layout.ts';
import type { PipelineContext } from '../../../src/pipeline/context.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';

const PRODUCTS = ['iats/xenial/amd64/default', 'debian/12/arm64/cloud'].map((path) =>
  parseProductPath(path)!,
);

/** A master with random changes from a seed: uploads, overwrites and removals. */
export interface RandomMaster {
  /** Makes one change and indexes it. */
  step(): Promise<void>;
  readonly done: Readonly<Record<'upload' | 'overwrite' | 'remove', number>>;
}

export function randomMaster(context: PipelineContext, seed: string): RandomMaster {
  let number = 0;
  const random = (below: number) =>
    createHash('sha256').update(`${seed} ${number++}`).digest().readUInt32LE() % below;
  const live: { readonly product: ProductRef; readonly version: string }[] = [];
  const done = { upload: 0, overwrite: 0, remove: 0 };
  let day = 0;
  const put = async (key: string, size: number) => {
    await context.store.write(key, randomBytes(size));
  };
  const rootSize = () => (random(12) === 0 ? 2_000_000 : 1000 + random(60_000));
  return {
    done,
    async step() {
      const what = live.length < 3 ? 0 : random(10);
      const at = random(live.length || 1);
      const chosen = live[at];
      if (what < 5 || chosen === undefined) {
        day += 1;
        const version = `20240101_${String(day).padStart(4, '0')}`;
        const ref = { product: PRODUCTS[random(PRODUCTS.length)]!, version };
        await put(`${versionPrefix(ref)}lxd.tar.xz`, 700);
        await put(`${versionPrefix(ref)}rootfs.squashfs`, rootSize());
        await indexVersions(context, [versionPrefix(ref)]);
        live.push(ref);
        done.upload += 1;
      } else if (what < 7) {
        await put(`${versionPrefix(chosen)}rootfs.squashfs`, rootSize());
        await indexVersions(context, [versionPrefix(chosen)]);
        done.overwrite += 1;
      } else {
        live.splice(at, 1);
        await removeVersions(context, [{ ref: chosen }]);
        await indexVersions(context, [versionPrefix(chosen)]);
        await finishRemovals(context, { graceMs: 1000 });
        done.remove += 1;
      }
    },
  };
}
