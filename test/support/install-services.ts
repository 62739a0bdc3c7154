/**
 * Installs what the tests on real services need and this machine lacks, or says exactly what is
 * missing and exits with 1. Does nothing, quickly, when all is there.
 */
import { installDebianPackages } from './install/debian-packages.ts';
import { installGoPrograms } from './install/go-programs.ts';
import { installPythonPackages } from './install/python-packages.ts';

const missing = [
  ...(await installDebianPackages()),
  ...(await installGoPrograms()),
  ...(await installPythonPackages()),
];
if (missing.length > 0) {
  console.error(`The tests on real services cannot run here. Missing:\n`);
  for (const item of missing) console.error(`  ${item}`);
  process.exitCode = 1;
}
