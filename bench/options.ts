import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { BASELINE_IDS } from './baseline-rows.js';
import { CHECKED_ROWS } from './check.js';
import { FAMILIES, ROW_IDS } from './rows.js';

/** What `npm run bench` was told, with the defaults filled in. */
export type Options = {
  readonly check: boolean;
  /** Seconds for everything instead of minutes, and nothing is measured again. */
  readonly isShort: boolean;
  /** Ids of bench/rows.ts and bench/baseline-rows.ts. */
  readonly rows: readonly string[];
  readonly seconds: number;
  readonly repetitions: number;
  /** The file the results are written to. */
  readonly json: string | null;
  /** The Node of today's side beside the baseline: a path, or `baseline` for the baseline's own; null: that of the bench. */
  readonly node: string | null;
};

/** @throws Error when there is no such option or row */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      baseline: { type: 'boolean' },
      node: { type: 'string' },
      rows: { type: 'string' },
      seconds: { type: 'string' },
      repetitions: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const isShort = values.quick || values.check;
  return {
    check: values.check,
    isShort,
    rows: values.rows === undefined ? rowsOf(values) : knownRows(values.rows.split(',')),
    seconds: Number(values.seconds ?? (isShort ? 0.8 : 4)),
    repetitions: Number(values.repetitions ?? (isShort ? 1 : 5)),
    json: values.json ?? null,
    node: values.node ?? null,
  };
}

function knownRows(chosen: readonly string[]): readonly string[] {
  const all = [...ROW_IDS, ...BASELINE_IDS];
  const unknown = chosen.filter((id) => !all.includes(id));
  if (unknown.length > 0) throw new Error(`no such row: ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return chosen;
}

type Mode = { readonly check: boolean; readonly quick: boolean; readonly baseline?: boolean | undefined };

/** A machine without a compiler can do all that is short: the baseline takes one. */
function rowsOf({ check, quick, baseline }: Mode): readonly string[] {
  if (check) return CHECKED_ROWS;
  if (baseline) return BASELINE_IDS;
  if (quick) return ROW_IDS.filter((id) => id !== FAMILIES);
  return baseline === false ? ROW_IDS : [...ROW_IDS, ...BASELINE_IDS];
}

/** @throws Error when that is no Node */
export function versionOfNode(path: string): string {
  const { stdout, status } = spawnSync(path, ['--version'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`--node: ${path} is not a Node that runs here`);
  return stdout.trim();
}
