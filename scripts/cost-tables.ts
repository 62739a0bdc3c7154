import { monthlyCost, type Usage } from './cost-model.ts';

const COLUMNS = [10, 1000, 100_000];

/** Every version of 200 MB is downloaded ten times; the newest hundred at most are kept. */
function usageOf(uploads: number, mirrors: number): Usage {
  return {
    uploads,
    gigabytesPerVersion: 0.2,
    kept: Math.min(uploads * 3, 3000),
    mirrors,
    clients: 100,
    downloads: uploads * 10,
  };
}

function table(mirrors: number): string {
  const bills = COLUMNS.map((uploads) => monthlyCost(usageOf(uploads, mirrors)));
  const header = [
    '$ a month',
    ...COLUMNS.map((uploads) => `${uploads.toLocaleString('en')} uploads`),
  ];
  const names = Object.keys(bills[0] ?? {});
  const rows = names.map((name) => [name, ...bills.map((bill) => (bill[name] ?? 0).toFixed(2))]);
  const lines = [header, header.map((_, index) => (index === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The tables of docs/cost.md, in Markdown. */
export function costTables(): string {
  return [0, 1, 2]
    .map(
      (mirrors) =>
        `With ${mirrors === 1 ? '1 mirror' : `${mirrors} mirrors`}:\n\n${table(mirrors)}\n`,
    )
    .join('\n');
}
