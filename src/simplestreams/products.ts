import type { Catalog, ProductValues } from '../catalog/document.ts';
import { parseProductName, type ProductRef } from '../images/layout.ts';
import { expandAliases, settleAliases } from './aliases.ts';
import type { ProductEntry, VersionEntry } from './documents.ts';
import { itemsOf } from './items.ts';
import { listedImages, type ListedFilter, type ListedImage } from './listing.ts';

/** Of a product without a `product.toml`. */
const NO_VALUES: ProductValues = { aliases: [], requirements: {} };

/** The products that have something to list, by name, as they stand in `images.json`. */
export function listedProducts(
  catalog: Catalog,
  isListed: ListedFilter = () => true,
): Readonly<Record<string, ProductEntry>> {
  const drafts = [...imagesByProduct(catalog, isListed)].map(([name, images]) => {
    const product = parseProductName(name);
    if (!product) throw new Error(`the catalog has a product named ${JSON.stringify(name)}`);
    const values = catalog.products[name]?.file?.values ?? NO_VALUES;
    const aliases = [
      ...new Set([...expandAliases(catalog.settings.aliases, product), ...values.aliases]),
    ];
    return { name, product, images, values, aliases };
  });
  const aliases = settleAliases(drafts);
  return Object.fromEntries(
    drafts.map(({ name, product, images, values }, i) => [
      name,
      {
        ...describe(product, values),
        aliases: (aliases[i] ?? []).join(),
        versions: versionsOf(catalog, name, product, images),
      },
    ]),
  );
}

function describe(product: ProductRef, values: ProductValues) {
  const { os, release, arch, variant } = product;
  return {
    os,
    release,
    arch,
    variant,
    release_title: values.releaseTitle ?? release,
    ...(Object.keys(values.requirements).length > 0 && { requirements: values.requirements }),
    ...(values.supportEol !== undefined && { support_eol: values.supportEol }),
  };
}

function versionsOf(
  catalog: Catalog,
  name: string,
  product: ProductRef,
  images: readonly ListedImage[],
): Readonly<Record<string, VersionEntry>> {
  const entries = Map.groupBy(images, ({ version }) => version);
  return Object.fromEntries(
    [...entries].map(([version, listed]) => {
      const entry = catalog.products[name]?.versions[version];
      return [version, { items: entry ? itemsOf({ product, version }, entry, listed) : {} }];
    }),
  );
}

function imagesByProduct(
  catalog: Catalog,
  isListed: ListedFilter,
): ReadonlyMap<string, readonly ListedImage[]> {
  return Map.groupBy(listedImages(catalog).filter(isListed), ({ product }) => product);
}
