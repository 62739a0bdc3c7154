import js from '@eslint/js';
import tseslint from 'typescript-eslint';
// The rooms of src/ from the ground up: a room imports those before it in the list, and no other.
import ROOMS from './scripts/rooms.json' with { type: 'json' };

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
/** It only keeps keys on a line, and it switches the compiler's check for excess properties off. */
const LITERAL_SPREAD = {
  selector: 'ObjectExpression > SpreadElement > ObjectExpression',
  message: 'Write the properties out: a spread literal is not checked for excess properties.',
};
const CLOCK = [
  'NewExpression[callee.name="Date"][arguments.length=0]',
  'CallExpression[callee.name="Date"]',
].map((selector) => ({ selector, message: 'This room has no clock: take `now` as an argument.' }));
/** Rooms and parts of rooms that do no I/O and have no clock. */
const PURE = ['facts', 'images', 'json', 'catalog', 'simplestreams', 'mirrors/ledger'];
/** These alone speak HTTP: what listens, what serves, and the clients of other servers. */
const SPEAK_HTTP = ['net', 'sources', 'gateway', 'local', 'cli'];
const HTTP = {
  regex: '^(node:)?(http|https|http2)$',
  message: 'This room knows no HTTP; see docs/design.md, Rooms.',
};
/** Parts of a room that its other parts may use, and that may not use them. */
const room = (...names) => ({
  group: names.map((name) => `**/${name}/**`),
  message: 'This room may not know that one; see docs/design.md, Rooms.',
});

/** The walls between the rooms: what a folder may not import. */
function walls(files, ...patterns) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

function wallsOf(name, at) {
  return walls(
    [`src/${name}/**`],
    CDK,
    room(...ROOMS.slice(at + 1), 'lambda', 'infra'),
    ...(name === 'storage' ? [] : [SDK]),
    ...(PURE.includes(name) ? [NODE] : SPEAK_HTTP.includes(name) ? [] : [HTTP]),
  );
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
      'no-restricted-syntax': ['error', LITERAL_SPREAD],
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
    files: ['bin/**/*.js', '*.config.js'],
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
    files: PURE.map((name) => `src/${name}/**`),
    rules: {
      'no-restricted-globals': ['error', ...WORLD],
      'no-restricted-properties': ['error', ...CHANCE],
      'no-restricted-syntax': ['error', LITERAL_SPREAD, ...CLOCK],
    },
  },
  ...ROOMS.map(wallsOf),
  walls(
    ['src/mirrors/ledger/**'],
    ...[SDK, CDK, NODE],
    room('pipeline', 'sources', 'publishing', 'gateway', 'local', 'cli', 'lambda', 'infra'),
    { regex: '^\\.\\./[^/.]+\\.ts$', message: 'The ledger is pure: mirrors/ uses it.' },
  ),
  walls(['src/gateway/*.ts'], SDK, CDK, room('local', 'cli', 'lambda', 'infra'), {
    regex: '^\\./api/responses\\.ts$',
    message: 'HTTP statuses and GatewayError stay in gateway/api.',
  }),
  walls(['lambda/**'], CDK, room('gateway', 'sources', 'archives', 'local', 'cli', 'infra')),
  walls(
    ['infra/**'],
    SDK,
    {
      regex: '/src/(?!(facts|config)/|storage/location\\.ts$)',
      message: 'infra/ shares facts, configuration and store locations alone.',
    },
    room('lambda'),
  ),
);
