// Twice in `npm run check`: once for all that nobody uses, once for what tests alone use.
const production = process.argv.includes('--production');

// tsconfig's paths lead its types, which are all that knip sees, to @commander-js/extra-typings.
const COMMANDER = ['commander'];

export default {
  entry: [
    'bin/*.js!',
    'lambda/{index-images,fan-out,sweep}.ts!',
    'infra/app.ts!',
    // Started as threads.
    'src/**/*-worker.ts!',
    'bench/*.ts',
    'scripts/*.ts',
    'test/**/*.test.ts',
  ],
  project: ['{bin,src,lambda,infra}/**/*.{js,ts}!', '{bench,scripts,test}/**/*.ts'],
  // `npx cdk` deploys with it.
  ignoreDependencies: ['aws-cdk', ...(production ? COMMANDER : [])],
  // Of the machines that run the tests.
  ignoreBinaries: ['unshare', 'setpriv'],
  // An export for tests is no waste where the module itself uses it.
  ignoreExportsUsedInFile: production,
};
