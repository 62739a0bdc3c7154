import { expiredVersions } from '../../catalog/retention.ts';
import type { Catalog } from '../../catalog/document.ts';
import type { RetentionConfig } from '../../config/config.ts';
import { parseProductName, type VersionRef } from '../../images/layout.ts';
import { loadCatalog } from '../../pipeline/documents/load-catalog.ts';
import { removeVersions } from '../../pipeline/removal/remove-versions.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { UsageError } from '../console/exit.ts';
import { texts, value, wholeNumber } from '../console/options.ts';
import { anyPattern, type ProductMatch } from '../shared/product-pattern.ts';
import { loadSettings } from '../shared/settings.ts';
import { withSettings, withStoreOptions } from '../shared/store-options.ts';
import { withdraw, withdrawalJson, withdrawalTable } from '../shared/withdrawal.ts';

const DAY_MS = 86_400_000;

export function pruneCommand(run: ProgramRun) {
  const command = new ConsoleCommand('prune', run)
    .description(
      `Removes old published versions of each product. The newest published version of a product is never removed, nor is what is not published. Give --keep, --older-than or both: then a version goes only when both say so. Without them [retention] of the store's configuration counts.`,
    )
    .addOption(
      value(
        '--keep <N>',
        'Keep the N newest of each product, 1 or more. Default: 1.',
        wholeNumber({ min: 1 }),
      ),
    )
    .addOption(
      value(
        '--older-than <DAYS>',
        "Keep versions that are not older than so many days, by the date in the version's name.",
        wholeNumber({ max: 100_000 }),
      ),
    )
    .addOption(
      texts(
        '--product <PATTERN>',
        'Only products that fit: os/release/arch/variant, * for any name. Default: all.',
      ),
    )
    .option('--dry-run', 'Only print what would be removed.')
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams prune --keep 3 --dry-run',
        "bucketstreams prune --keep 2 --older-than 30 --product 'ubuntu/*/amd64'",
      ),
    )
    .action(async (values) => {
      const { terminal } = run;
      const { keep, olderThan: days, dryRun = false } = values;
      const fits = anyPattern(values.product ?? []);
      const settings = await loadSettings({ values, terminal });
      const { config, configured } = settings;
      const rule = ruleOf({ keep, days }, configured ? config.retention : undefined);
      run.exitCode = await withSettings(settings, terminal.env, async ({ context }) => {
        const catalog = (await loadCatalog(context.store))?.catalog;
        const before = rule.days === undefined ? undefined : context.now() - rule.days * DAY_MS;
        const refs = catalog ? expired(catalog, fits, rule.keep ?? 1, before) : [];
        const affected = dryRun
          ? await removeVersions(
              context,
              refs.map((ref) => ({ ref })),
              { dryRun },
            )
          : await withdraw(context, refs);
        if (values.json) terminal.out(withdrawalJson(affected, !dryRun));
        else if (affected.length > 0) terminal.out(withdrawalTable(affected));
        else terminal.err('Nothing is old enough to go.\n');
        return 0;
      });
    });
}

interface Rule {
  readonly keep: number | undefined;
  readonly days: number | undefined;
}

/** Returns the rule of the options, otherwise that of the configuration. Throws UsageError when neither has one. */
function ruleOf(options: Rule, configured: RetentionConfig | undefined): Rule {
  if (options.keep !== undefined || options.days !== undefined) return options;
  const { keep, maxAgeDays: days } = configured ?? {};
  if (keep !== undefined || days !== undefined) return { keep, days };
  throw new UsageError('say what is to be kept, with --keep N or --older-than DAYS');
}

function expired(
  catalog: Catalog,
  fits: ProductMatch,
  keep: number,
  before: number | undefined,
): VersionRef[] {
  return Object.keys(catalog.products)
    .filter(fits)
    .sort()
    .flatMap((name) => {
      const product = parseProductName(name);
      const versions = catalog.products[name];
      if (product === undefined || versions === undefined) return [];
      const retention = { keep, ...(before !== undefined && { before }) };
      return expiredVersions(versions, retention).map((version) => ({ product, version }));
    });
}
