import type { Conditions } from './machine.js';
import type { Measured } from './measure.js';
import type { Comparison, Row } from './rows.js';
import { median } from './statistics.js';

/** Something that has a target: one value a repetition. */
export type Verdict = {
  readonly row: string;
  readonly what: string;
  /** Of the values: a ratio where there is none. */
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly values: readonly number[];
};

/** Today's build beside the baseline; each value is today's by the baseline's. */
export type BaselineResults = {
  readonly commit: string;
  /** The versions of Node that ran the two. */
  readonly nodes: Readonly<Record<'today' | 'baseline', string>>;
  readonly verdicts: readonly Verdict[];
};

/** The stretches of a row: one a repetition for each side. */
export type Sides = Readonly<Record<string, readonly Measured[]>>;

/** What `npm run bench -- --json FILE` writes. */
export type Results = {
  readonly conditions: Conditions;
  readonly seconds: number;
  readonly repetitions: number;
  readonly verdicts: readonly Verdict[];
  readonly stretches: Readonly<Record<string, Sides>>;
  readonly baseline?: BaselineResults;
};

/** The comparisons of a row: each ratio within one repetition, for the machine is not always as fast. */
export function compare({ id, comparisons }: Row, sides: Sides): Verdict[] {
  return comparisons.flatMap((comparison) => {
    const { what, atLeast, atMost } = comparison;
    const values = ratios(comparison, sides);
    if (values.length === 0) return [];
    const target = { ...(atLeast !== undefined && { atLeast }), ...(atMost !== undefined && { atMost }) };
    return [{ row: id, what, unit: '', ...target, values }];
  });
}

function ratios({ metric, of, to }: Comparison, sides: Sides): number[] {
  const metricOf = ([side, group]: readonly [string, number], repetition: number) => {
    const measured = sides[side]?.[repetition];
    return (metric === 'cpuMsPerRequest' ? measured?.[metric] : measured?.groups[group]?.[metric]) ?? Number.NaN;
  };
  const repetitions = Math.min(sides[of[0]]?.length ?? 0, sides[to[0]]?.length ?? 0);
  return Array.from({ length: repetitions }, (_, i) => metricOf(of, i) / metricOf(to, i));
}

/** Whether the median is as it should be. */
export function isReached({ values, atLeast, atMost }: Verdict): boolean {
  const reached = median(values);
  return reached >= (atLeast ?? Number.NEGATIVE_INFINITY) && reached <= (atMost ?? Number.POSITIVE_INFINITY);
}

/** Some ratios are only watched, and have no target. */
export function hasTarget({ atLeast, atMost }: Verdict): boolean {
  return atLeast !== undefined || atMost !== undefined;
}

export function targetText({ atLeast, atMost, unit }: Verdict): string {
  if (atLeast === undefined && atMost === undefined) return '–';
  const number = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
  return `${number}${unit === '' ? '' : ` ${unit}`}`;
}

/** Three digits, or all those before the point. */
export function rounded(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The middle one, and from where to where they go. */
export function spread(values: readonly number[]): string {
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)].map(rounded);
  return values.length < 2 ? `${middle}` : `${middle} (${least}..${most})`;
}

/** The verdicts for people: a line each. */
export function verdictRows(verdicts: readonly Verdict[]) {
  return verdicts.map((verdict) => ({
    what: verdict.what,
    target: targetText(verdict),
    measured: spread(verdict.values),
    reached: hasTarget(verdict) ? (isReached(verdict) ? 'yes' : 'NO') : '–',
  }));
}

/** The stretches for people: a line for each group of visitors of each side. */
export function stretchRows(stretches: Results['stretches']) {
  return Object.entries(stretches).flatMap(([row, sides]) =>
    Object.entries(sides).flatMap(([side, measured]) =>
      (measured[0]?.groups ?? []).map(({ kind, clients }, g) => {
        const of = (what: 'perSecond' | 'p50Ms' | 'p99Ms' | 'errors') =>
          measured.map(({ groups }) => groups[g]?.[what] ?? 0);
        const all = (what: 'cpuMsPerRequest' | 'serverCores' | 'rssMib' | 'loaderCores' | 'foreignCores') =>
          rounded(median(measured.map((one) => one[what])));
        return {
          row,
          server: side,
          visitors: clients === 0 ? 'none' : `${clients} ${kind}`,
          'a second': spread(of('perSecond')),
          'p50 ms': rounded(median(of('p50Ms'))),
          'p99 ms': spread(of('p99Ms')),
          'CPU ms/request': all('cpuMsPerRequest'),
          cores: all('serverCores'),
          'RSS MiB': all('rssMib'),
          'loader cores': all('loaderCores'),
          'other cores': all('foreignCores'),
          errors: of('errors').reduce((sum, one) => sum + one, 0),
        };
      }),
    ),
  );
}

/** What servers answered that they should not have: a line for each kind of it. */
export function errorLines(stretches: Results['stretches']): string[] {
  const lines = Object.entries(stretches).flatMap(([row, sides]) =>
    Object.entries(sides).flatMap(([side, measured]) =>
      measured
        .flatMap(({ groups }) => groups.flatMap(({ lastError }) => lastError ?? []))
        .map((error) => `${row}, ${side}: ${error}`),
    ),
  );
  return [...new Set(lines)];
}
