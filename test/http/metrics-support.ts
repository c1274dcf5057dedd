import type { TestIssuer } from '../helper.js';

/** The samples of the text format of Prometheus, by name and labels. */
export function samplesIn(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.replace(/ \S+$/, ''), Number(/ (\S+)$/.exec(line)?.[1] ?? Number.NaN)]),
  );
}

/** What an issuer says of itself at /metrics. */
export async function samples({ app }: Pick<TestIssuer, 'app'>): Promise<Record<string, number>> {
  return samplesIn((await app.inject('/metrics')).body);
}
