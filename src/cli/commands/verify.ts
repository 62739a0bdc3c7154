import type { Hasher } from '../../images/digests.ts';
import { createHasher } from '../../hashing/hasher.ts';
import { verifyPublic, type Verification } from '../../pipeline/verify/verify-public.ts';
import { verifyStore } from '../../pipeline/verify/verify-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { fetchPolicy } from '../shared/authority.ts';
import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';
import { oneLine, UsageError } from '../console/exit.ts';
import { text } from '../console/options.ts';
import { withMirrors } from '../shared/mirrors.ts';
import { createProgress, formatBytes } from '../console/progress.ts';
import { openRemote } from '../../sources/streams/public-server.ts';
import { withStore, withStoreOptions } from '../shared/store-options.ts';

export function verifyCommand(run: ProgramRun) {
  const command = new ConsoleCommand('verify', run)
    .description(
      `Reads back every published byte and compares sizes, sha256 and fingerprints. Checks a store, or with a URL any public simplestreams server as its clients see it. Exit code 0 only when everything is right.`,
    )
    .argument('[URL]')
    .addOption(
      text('--mirror <NAME>', 'Check this mirror of the configuration instead of the master.'),
    )
    .addOption(
      text('--ca <FILE>', 'PEM certificate authority to trust for URL, beside the known ones.'),
    )
    .option('--json', 'Print one JSON object.');
  return withStoreOptions(command)
    .addHelpText(
      'after',
      examples(
        'bucketstreams verify --store file:./data',
        'bucketstreams verify https://127.0.0.1:8443 --ca data/.bucketstreams/tls/ca.crt',
        'bucketstreams verify https://images.example.org',
        'bucketstreams verify --mirror paris',
      ),
    )
    .action(async (operand, values) => {
      const { terminal } = run;
      const progress = createProgress(terminal, 'Verified');
      const report = (verified: Verification) => {
        progress.clear();
        if (values.json) terminal.out(JSON.stringify(verified, undefined, 2) + '\n');
        else terminal.out(summary(verified));
        return verified.problems.length === 0 ? 0 : 1;
      };
      // `verify --store https://…` means the same.
      const url = operand ?? (/^https?:/.test(values.store ?? '') ? values.store : undefined);
      if (url !== undefined && values.mirror !== undefined) {
        throw new UsageError('--mirror and a URL exclude each other');
      }
      if (url === undefined) {
        if (values.ca !== undefined) throw new UsageError('--ca is for a URL; a store needs none');
        const { mirror: name } = values;
        const verify = async (store: ObjectStore, hasher: Hasher) =>
          report(await verifyStore(store, hasher, (done, total) => progress.update(done, total)));
        run.exitCode = await withStore(
          { values, terminal },
          async (opened) => {
            const { store, hasher } = opened.context;
            if (name === undefined) return verify(store, hasher);
            const options = { name, env: terminal.env, use: 'read' as const };
            return withMirrors(opened, options, async ([mirror]) => {
              if (mirror === undefined || 'error' in mirror) throw mirror?.error;
              return verify(mirror.mirror.store, hasher);
            });
          },
          { use: 'read' },
        ).finally(() => progress.clear());
        return;
      }
      const remote = openRemote(remoteUrl(url), await fetchPolicy(values.ca));
      const hasher = createHasher();
      try {
        run.exitCode = report(
          await verifyPublic(remote, hasher, (bytes, total) => progress.update(bytes, total)),
        );
      } finally {
        progress.clear();
        remote.close();
        await hasher.close();
      }
    });
}

function remoteUrl(text: string): string {
  const url = URL.parse(text);
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return url.href;
  throw new UsageError(`${JSON.stringify(text)} is no https URL; a store is given with --store`);
}

function summary({ checked, bytes, problems }: Verification): string {
  const lines = problems.map(({ key, problem }) => `${oneLine(key)}: ${oneLine(problem)}\n`);
  const count = problems.length === 0 ? 'all is right' : `${problems.length} problems`;
  return `${lines.join('')}${checked} files, ${formatBytes(bytes)} read: ${count}.\n`;
}
