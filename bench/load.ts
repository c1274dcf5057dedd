import { Agent, request } from 'node:http';

/** What a stretch of refreshing measured. Times are in milliseconds. */
export type Load = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** The newest token of each family, in the order they came in. */
  readonly tokens: string[];
};

/** Refreshes families one after the other, several at a time, and each of them by at most one. */
export async function load(url: string, tokens: readonly string[], refreshes: number, atOnce: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const newest = [...tokens];
  const times: number[] = [];
  let next = 0;
  const began = performance.now();
  const work = async () => {
    while (next < refreshes) {
      const i = next++ % newest.length;
      const from = performance.now();
      newest[i] = await refresh(agent, url, newest[i] ?? '');
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, newest.length) }, work));
  const seconds = (performance.now() - began) / 1000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), tokens: newest };
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function refresh(agent: Agent, url: string, token: string): Promise<string> {
  const body = `grant_type=refresh_token&client_id=bench&refresh_token=${token}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/token`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const found = /"refresh_token":"(mrt_[^"]+)"/.exec(text)?.[1];
        if (found === undefined) reject(new Error(`${response.statusCode} ${text}`));
        else resolve(found);
      });
    });
    sent.on('error', reject).end(body);
  });
}
