// Checks what the last whole test run covered: everything of the rules and the flows, nearly everything of the rest.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

type Counts = { readonly total: number; readonly covered: number };
type Summary = Readonly<Record<string, Readonly<Record<'lines' | 'statements' | 'functions' | 'branches', Counts>>>>;

const METRICS = ['lines', 'statements', 'functions', 'branches'] as const;
const WANTED_PERCENT = [
  ['src/oauth/', 100],
  ['src/grants/', 100],
  ['src/', 95],
] as const;

const summary = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8')) as Summary;
const files = Object.entries(summary).map(([path, counts]) => [relative(process.cwd(), path), counts] as const);

let isGood = true;
for (const [folder, wanted] of WANTED_PERCENT) {
  const own = files.filter(([path]) => path.startsWith(folder));
  if (own.length === 0) throw new Error(`the report has nothing of ${folder}`);
  for (const metric of METRICS) {
    const covered = own.reduce((sum, [, counts]) => sum + counts[metric].covered, 0);
    const total = own.reduce((sum, [, counts]) => sum + counts[metric].total, 0);
    const percent = (100 * covered) / total;
    const isEnough = percent >= wanted;
    if (!isEnough) isGood = false;
    console.log(`${isEnough ? '✓' : '✗'} ${folder} ${metric}: ${percent.toFixed(2)} % (${wanted} wanted)`);
  }
}
process.exitCode = isGood ? 0 : 1;
