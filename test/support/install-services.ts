/**
 * Installs the programs that the tests on real services need and this machine lacks. It prints what
 * it cannot install and exits with 1. It does nothing, quickly, when all is installed. With
 * --virtual-machines it adds what only launching one needs, which is large.
 */
import {
  installDebianPackages,
  PROGRAMS,
  VIRTUAL_MACHINE_PROGRAMS,
} from './install/debian-packages.ts';
import { installGoPrograms } from './install/go-programs.ts';
import { installPythonPackages } from './install/python-packages.ts';

const programs = process.argv.includes('--virtual-machines')
  ? [...PROGRAMS, ...VIRTUAL_MACHINE_PROGRAMS]
  : PROGRAMS;
const missing = [
  ...(await installDebianPackages(programs)),
  ...(await installGoPrograms()),
  ...(await installPythonPackages()),
];
if (missing.length > 0) {
  console.error(`The tests on real services cannot run here. Missing:\n`);
  for (const item of missing) console.error(`  ${item}`);
  process.exitCode = 1;
}
