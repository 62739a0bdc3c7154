import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const SDK = { group: ['@aws-sdk/*', '@smithy/*'], message: 'The SDK stays in its adapters.' };
const CDK = {
  group: ['aws-cdk-lib', 'aws-cdk-lib/*', 'constructs', 'cdk-nag'],
  message: 'Only infra/ knows CDK.',
};
/** The pure rooms get time, chance and the world as arguments. */
const NODE = {
  regex: '^(node:(?!zlib$)|(fs|net|http|https|os|crypto|timers)(/|$))',
  message: 'This room does no I/O.',
};
const WORLD = [
  ...['fetch', 'process', 'performance', 'crypto', 'console', 'navigator', 'WebSocket'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'globalThis', 'global'],
].map((name) => ({ name, message: 'This room knows no world: take it as an argument.' }));
const CHANCE = [
  {
    object: 'Date',
    property: 'now',
    message: 'This room has no clock: take `now` as an argument.',
  },
  {
    object: 'Math',
    property: 'random',
    message: 'This room has no chance: take it as an argument.',
  },
];
const CLOCK = [
  'NewExpression[callee.name="Date"][arguments.length=0]',
  'CallExpression[callee.name="Date"]',
].map((selector) => ({ selector, message: 'This room has no clock: take `now` as an argument.' }));
const room = (...names) => ({
  group: names.map((name) => `**/${name}/**`),
  message: 'This room may not know that one; see docs/design.md, Rooms.',
});

/** The walls between the rooms: what a folder may not import. */
function walls(files, ...patterns) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'cdk.out', 'data', '.cache'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // It recurses without end on recursive types, such as a parsed TOML document's.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'as' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['bin/**/*.js', 'eslint.config.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // node:test's describe and it return promises that the runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['describe', 'it', 'test', 'suite'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['src/catalog/**', 'src/simplestreams/**'],
    rules: {
      'no-restricted-globals': ['error', ...WORLD],
      'no-restricted-properties': ['error', ...CHANCE],
      'no-restricted-syntax': ['error', ...CLOCK],
    },
  },
  walls(
    ['src/images/**'],
    SDK,
    CDK,
    room('catalog', 'simplestreams', 'pipeline', 'upload', 'local', 'cli', 'lambda', 'infra'),
  ),
  walls(
    ['src/catalog/**'],
    SDK,
    CDK,
    NODE,
    room('simplestreams', 'pipeline', 'upload', 'local', 'cli', 'lambda', 'infra'),
  ),
  walls(
    ['src/simplestreams/**'],
    SDK,
    CDK,
    NODE,
    room('pipeline', 'upload', 'local', 'cli', 'lambda', 'infra'),
  ),
  walls(
    ['src/storage/**'],
    CDK,
    room(
      'images',
      'catalog',
      'simplestreams',
      'pipeline',
      'upload',
      'local',
      'cli',
      'lambda',
      'infra',
    ),
  ),
  walls(['src/pipeline/**'], SDK, CDK, room('upload', 'local', 'cli', 'lambda', 'infra')),
  walls(
    ['src/upload/**', 'src/local/**', 'src/config/**'],
    SDK,
    CDK,
    room('cli', 'lambda', 'infra'),
  ),
  walls(['src/cli/**'], SDK, CDK, room('lambda', 'infra')),
  walls(['src/delivery/**', 'src/deployment/**'], {
    regex: '.*',
    message: 'This room imports nothing, so that infra and functions can share it.',
  }),
  walls(['lambda/**'], CDK, room('local', 'cli', 'infra')),
  walls(
    ['infra/**'],
    SDK,
    room(
      'images',
      'catalog',
      'simplestreams',
      'storage',
      'pipeline',
      'upload',
      'local',
      'cli',
      'lambda',
    ),
  ),
);
