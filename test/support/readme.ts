import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';

export const CHECKOUT = join(import.meta.dirname, '../..');

/**
 * Every command line of README.md, by the test file that runs it: `local` needs only Node
 * (test/local/readme), `clients` LXD and Incus (test/integration/readme), `compose` Docker
 * (test/acceptance/docker-compose.test.ts), `deploy` a local AWS (test/deploy). The type checker
 * checks that the first two have a step for each of their lines. A test in test/local/readme checks
 * that no line is missing here.
 */
export const README_LINES = {
  local: [
    'npm ci && npm start',
    'npm test',
    'mkdir -p data/images/busybox/1.36/amd64/default/20260101',
    'cp lxd.tar.xz rootfs.squashfs data/images/busybox/1.36/amd64/default/20260101/',
    'npx bucketstreams publish --product busybox/1.36/amd64/default --wait lxd.tar.xz rootfs.squashfs',
    'npx bucketstreams mirror sync',
    "npx bucketstreams pull https://images.linuxcontainers.org --product 'alpine/*/amd64/default' --newest 1",
    'npx bucketstreams list',
    'npx bucketstreams list --all',
    'npx bucketstreams status',
    'npx bucketstreams verify',
    'npx bucketstreams update',
    'npx bucketstreams prune --keep 3 --dry-run',
    'npx bucketstreams remove busybox/1.36/amd64/default/20260101 --yes',
  ],
  clients: [
    'npx bucketstreams publish --from lxd:mine --product busybox/1.36/amd64/mine --wait',
    'npx bucketstreams publish --from incus:mine --product busybox/1.36/amd64/theirs --wait',
    'sudo cp data/.bucketstreams/tls/ca.crt /usr/local/share/ca-certificates/bucketstreams.crt',
    'sudo update-ca-certificates',
    'lxc remote add bucketstreams https://127.0.0.1:8443 --protocol=simplestreams',
    'lxc image list bucketstreams:',
    'lxc launch bucketstreams:busybox/1.36 first',
    'incus remote add bucketstreams https://127.0.0.1:8443 --protocol=simplestreams',
    'incus image list bucketstreams:',
    'incus launch bucketstreams:busybox/1.36 first',
    'npx bucketstreams gateway token laptop',
    'lxc remote add hub TOKEN',
    'lxc image copy local:other hub: --alias busybox/1.36/copied --mode=relay',
  ],
  compose: [
    'docker compose up --detach',
    'export AWS_ACCESS_KEY_ID=bucketstreams AWS_SECRET_ACCESS_KEY=bucketstreams AWS_DEFAULT_REGION=us-east-1',
    'aws --endpoint-url http://127.0.0.1:9000 s3 cp --recursive 20260101 s3://images/images/busybox/1.36/amd64/default/20260101',
    'docker compose cp bucketstreams:/state/tls/ca.crt ca.crt',
  ],
  deploy: ['npx cdk deploy --all'],
} as const;

type Kind = keyof typeof README_LINES;

/** The step of a test file for each of its lines. */
export type ReadmeSteps<K extends Kind> = Readonly<
  Record<(typeof README_LINES)[K][number], (line: string) => Promise<void>>
>;

/** The lines of a document's shell blocks that are commands. */
export async function shellLines(document: string): Promise<string[]> {
  const text = await readFile(join(CHECKOUT, document), 'utf8');
  const blocks = [...text.matchAll(/^```(?:sh|shell|bash|console)\n(.*?)^```/gms)];
  return blocks
    .flatMap(([, block = '']) => block.split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The `bucketstreams.toml` that the README shows. */
export async function readmeConfiguration(): Promise<string> {
  const text = await readFile(join(CHECKOUT, 'README.md'), 'utf8');
  const [block, ...more] = [...text.matchAll(/^```toml\n(.*?)^```/gms)].map(([, body]) => body);
  if (block === undefined || more.length > 0) throw new Error('README.md has not one TOML block');
  return block;
}

/**
 * Makes a folder in which the README's commands run as in a checkout after `npm ci`, without
 * writing into the real checkout. All ports are free ones.
 */
export async function makeWorkspace(folder: string): Promise<void> {
  for (const name of ['bin', 'src', 'node_modules', 'package.json']) {
    await symlink(join(CHECKOUT, name), join(folder, name));
  }
}

/** The environment for a README's command: that of a fresh shell, not that of the test runner. */
export function shellEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.keys(process.env).filter(
    (name) => /^(npm_|NODE_|AWS_|BUCKETSTREAMS_)/.test(name) || name === 'INIT_CWD',
  );
  return Object.fromEntries(inherited.map((name) => [name, undefined]));
}
