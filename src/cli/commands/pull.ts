import { parseProductPattern } from '../../images/product-pattern.ts';
import { pull, type PullReport } from '../../sources/streams/pull.ts';
import { fetchPolicy } from '../shared/authority.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { oneLine, UsageError } from '../console/exit.ts';
import { text, texts, value, wholeNumber } from '../console/options.ts';
import { createProgress, formatBytes } from '../console/progress.ts';
import { openRemote } from '../../sources/streams/public-server.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';
import type { Terminal } from '../console/terminal.ts';
import { untilSignal } from '../console/until-signal.ts';

export function pullCommand(run: ProgramRun) {
  const command = new ConsoleCommand('pull', run)
    .description(
      `Copies chosen products of a public simplestreams server into the store, each file checked by its SHA-256 on the way. What is here already is not fetched again, so a second run goes on where the first was stopped, and does nothing when nothing changed. serve, watch or the deployed functions then index it, or \`bucketstreams update\`.`,
    )
    .argument('<URL>')
    .addOption(
      texts(
        '-p, --product <PATTERN>',
        'os/release/arch/variant, with * for any characters; missing names at the end stand for all.',
      ),
    )
    .addOption(
      value(
        '--newest <N>',
        'Only so many of the newest versions of each product. Default: all.',
        wholeNumber({ min: 1 }),
      ),
    )
    .addOption(text('--ca <FILE>', 'PEM certificate authority to trust, beside the known ones.'))
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        "bucketstreams pull https://images.linuxcontainers.org --product 'alpine/3.*/amd64/*' --newest 1",
      ),
    )
    .action(async (upstream, values) => {
      const { terminal } = run;
      const url = upstreamUrl(upstream);
      const { newest } = values;
      const tests = (values.product ?? []).map(pattern);
      if (tests.length === 0) {
        throw new UsageError(
          "--product is missing: what is to be copied, such as 'alpine/3.*/amd64/*'",
        );
      }
      const abort = new AbortController();
      void untilSignal(terminal.env).then(() => abort.abort());
      const remote = openRemote(url, await fetchPolicy(values.ca));
      const progress = createProgress(terminal, 'Pulled');
      try {
        run.exitCode = await withStore({ values, terminal }, async ({ context }) => {
          const report = await pull(context, remote, {
            match: (product) => tests.some((test) => test(product)),
            ...(newest === undefined ? {} : { newest }),
            onProgress: (bytes, total) => progress.update(bytes, total),
            signal: abort.signal,
          }).finally(() => progress.clear());
          print(report, terminal, values.json === true);
          const { versions, problems } = report;
          if (versions === 0 && problems.length === 0) {
            terminal.err(`bucketstreams: ${url} has no such product\n`);
            return 1;
          }
          return problems.length === 0 && !abort.signal.aborted ? 0 : 1;
        });
      } finally {
        remote.close();
      }
    });
}

function print(report: PullReport, terminal: Terminal, json: boolean): void {
  if (json) {
    terminal.out(JSON.stringify(report, undefined, 2) + '\n');
    return;
  }
  const { versions, copiedFiles, copiedBytes, unindexed, problems } = report;
  for (const { place, reason } of problems) terminal.err(`${place}: ${oneLine(reason)}\n`);
  terminal.out(
    `${versions} versions are here; ${copiedFiles} files copied (${formatBytes(copiedBytes)}).\n`,
  );
  if (unindexed > 0) {
    terminal.out(
      `${unindexed} of them are not indexed yet: serve, watch or the deployed functions see to ` +
        'that; where none of these runs, run `bucketstreams update`.\n',
    );
  }
}

function pattern(text: string) {
  const test = parseProductPattern(text);
  if (test !== undefined) return test;
  throw new UsageError(
    `--product ${JSON.stringify(text)} is no pattern of products; write os/release/arch/variant, with * for any name`,
  );
}

/** Requires https: a person who can change the list in transit can also change the hashes in it. */
function upstreamUrl(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'https:') return url.href;
  const isLocal = url !== null && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url?.protocol === 'http:' && isLocal) return url.href;
  throw new UsageError(`${JSON.stringify(text)} is no https URL of a simplestreams server`);
}
