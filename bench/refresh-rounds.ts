import { formRequest, openConnection } from './connection.js';
import type { Bench } from './issuer.js';
import { quantile } from './statistics.js';

/** What a stretch of refreshing measured. Times are in milliseconds. */
export type Load = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** The newest token of each family, in the order they came in. */
  readonly tokens: string[];
};

/** Refreshes families one after the other, several at a time, and each of them by at most one. */
export async function refreshAll(
  url: string,
  tokens: readonly string[],
  refreshes: number,
  atOnce: number,
): Promise<Load> {
  const newest = [...tokens];
  const times: number[] = [];
  let next = 0;
  const began = performance.now();
  const work = async () => {
    const connection = openConnection(url);
    while (next < refreshes) {
      const i = next++ % newest.length;
      const form = { grant_type: 'refresh_token', client_id: 'bench', refresh_token: newest[i] ?? '' };
      const { status, body, ms } = await connection.send(formRequest(`${url}/token`, form));
      const found = /"refresh_token":"(mrt_[^"]+)"/.exec(body)?.[1];
      if (found === undefined) throw new Error(`${status} ${body}`);
      newest[i] = found;
      times.push(ms);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, newest.length) }, work));
  const seconds = (performance.now() - began) / 1000;
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  return { perSecond: times.length / seconds, p50, p99, tokens: newest };
}

/** One of the sizes that are compared. */
export type Size = { readonly bench: Bench; readonly families: number; readonly rounds: readonly Load[] };

const REFRESHES_A_ROUND = 4_000;
const WARM_UP = 500;
const AT_ONCE = 8;

/** Refreshes of families all over the table, beside few and beside many, in turns, each through a server just started. */
export async function refreshInTurns(
  sizes: readonly (readonly [bench: Bench, families: number])[],
  rounds: number,
): Promise<Size[]> {
  const sides: { bench: Bench; families: number; tokens: string[]; rounds: Load[] }[] = [];
  for (const [bench, families] of sizes) {
    const tokens = await bench.addFamilies(families, Math.min(families, REFRESHES_A_ROUND));
    sides.push({ bench, families, tokens, rounds: [] });
  }
  for (const side of sides) {
    const { url, stop } = await side.bench.serve();
    side.tokens = (await refreshAll(url, side.tokens, REFRESHES_A_ROUND, AT_ONCE)).tokens;
    await stop();
  }
  for (let round = 0; round < rounds; round++) {
    for (const side of sides) {
      const { url, stop } = await side.bench.serve();
      const warm = await refreshAll(url, side.tokens.slice(0, WARM_UP), WARM_UP, AT_ONCE);
      side.tokens.splice(0, WARM_UP, ...warm.tokens);
      const measured = await refreshAll(url, side.tokens, REFRESHES_A_ROUND, AT_ONCE);
      side.tokens = measured.tokens;
      side.rounds.push(measured);
      await stop();
    }
  }
  return sides;
}

/** What each round of the second size is to the same round of the first. */
export function roundRatios([first, second]: readonly Size[], what: 'p99' | 'perSecond'): number[] {
  return (second?.rounds ?? []).map((load, i) => load[what] / (first?.rounds[i]?.[what] ?? Number.NaN));
}
