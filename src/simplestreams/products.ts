import type { Catalog, ProductValues } from '../catalog/document.ts';
import { parseProductName, type ProductRef } from '../images/layout.ts';
import { expandAliases, settleAliases } from './aliases.ts';
import type { ProductEntry, VersionEntry } from './documents.ts';
import { itemsOf } from './items.ts';
import { listedEntries, type ListedEntry, type ListedFilter } from './listing.ts';

/** The values of a product without a `product.toml`. */
const NO_VALUES: ProductValues = { aliases: [], requirements: {} };

/** Returns the products that have something to list, by name, in the form of `images.json`. */
export function listedProducts(
  catalog: Catalog,
  isListed: ListedFilter = () => true,
): Readonly<Record<string, ProductEntry>> {
  const listed = Map.groupBy(listedEntries(catalog).filter(isListed), ({ product }) => product);
  const drafts = [...listed].map(([name, entries]) => {
    const product = parseProductName(name);
    if (!product) throw new Error(`the catalog has a product named ${JSON.stringify(name)}`);
    const values = catalog.products[name]?.file?.values ?? NO_VALUES;
    const aliases = [
      ...new Set([...expandAliases(catalog.settings.aliases, product), ...values.aliases]),
    ];
    const images = entries.flatMap(({ image }) => image ?? []);
    return { name, product, entries, images, values, aliases };
  });
  const aliases = settleAliases(drafts);
  return Object.fromEntries(
    drafts.map(({ name, product, entries, values }, i) => [
      name,
      {
        ...describe(product, values),
        aliases: (aliases[i] ?? []).join(),
        versions: versionsOf(entries),
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

function versionsOf(entries: readonly ListedEntry[]): Readonly<Record<string, VersionEntry>> {
  const versions = Map.groupBy(entries, ({ version }) => version);
  return Object.fromEntries(
    [...versions].map(([version, listed]) => [version, { items: itemsOf(listed) }]),
  );
}
