/** Prints the tables of docs/cost.md: `npm run cost`. */
import process from 'node:process';
import { costTables } from './cost-tables.ts';

process.stdout.write(costTables());
