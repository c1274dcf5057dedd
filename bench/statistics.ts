/** Whether one group of measurements is larger than another. */
export type Comparison = {
  /** How often one of the first is larger than one of the second: 0.5 when neither tends to be. */
  readonly superiority: number;
  /** Of the two-sided test: how likely so much of a difference is where there is none. */
  readonly p: number;
};

/** The Mann-Whitney U test with its normal approximation, which is good from some twenty of each on. */
export function mannWhitney(first: readonly number[], second: readonly number[]): Comparison {
  const [m, n] = [first.length, second.length];
  const sorted = [...second].sort((a, b) => a - b);
  const below = (value: number, orEqual: boolean) => {
    let [low, high] = [0, n];
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = sorted[middle] ?? Number.NaN;
      if (one < value || (orEqual && one === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  // A tie counts half.
  const u = first.reduce((sum, value) => sum + (below(value, false) + below(value, true)) / 2, 0);
  const deviation = Math.sqrt((m * n * (m + n + 1)) / 12);
  return { superiority: u / (m * n), p: erfc(Math.abs(u - (m * n) / 2) / deviation / Math.SQRT2) };
}

/** The complementary error function, to 1.2e-7 of its value (Press et al., Numerical Recipes, §6.2). */
function erfc(x: number): number {
  const t = 1 / (1 + x / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  return t * Math.exp(-x * x + coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0));
}

/** The value below which a share of them lies; of unsorted values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** By how much values grow from one place to the next: the slope of the line with the least squares. */
export function slope(places: readonly number[], values: readonly number[]): number {
  const mean = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0) / of.length;
  const [x, y] = [mean(places), mean(values)];
  const products = places.map((place, i) => (place - x) * ((values[i] ?? Number.NaN) - y));
  const squares = places.map((place) => (place - x) ** 2);
  return mean(products) / mean(squares);
}
