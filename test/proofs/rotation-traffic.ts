import type { Test } from 'tap';
import { claimsOf } from '../helper.js';
import { postToken } from '../process/harness.js';
import { SERVICE_LOGIN, USER_LOGIN } from './rotation-stage.js';
import { type Tally, verificationDesk } from './rotation-tally.js';
import type { Verifier } from './rotation-verifiers.js';

/** An access token, and who gave it when. */
export type Issued = {
  readonly token: string;
  readonly kid: string;
  /** Which server gave it. */
  readonly server: number;
  /** Between these two it was signed. */
  readonly askedAt: number;
  readonly gotAt: number;
  /** In epoch milliseconds, and how long it lives. */
  readonly expiresAt: number;
  readonly lifeSeconds: number;
};

export type Traffic = {
  readonly issued: readonly Issued[];
  /** How each kind of verifier fared. */
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Requests that were not answered with tokens, and whatever else went wrong. */
  readonly wrong: readonly string[];
  /** Sends no more requests, and waits until every token was verified for the last time. */
  stop(): Promise<void>;
};

export type TrafficOptions = {
  readonly urls: readonly string[];
  readonly verifiers: readonly Verifier[];
  /** How long before its end a token is verified for the second time; null for never. */
  readonly againBeforeMs: number | null;
};

const EVERY_MS = 100;
/** What is asked for in turn: a login costs much more than the others. */
const TURNS = [
  'login',
  'service',
  'refresh',
  'service',
  'refresh',
  'service',
  'refresh',
  'refresh',
  'service',
  'refresh',
];

/** A steady small stream of logins, refreshes and client credentials, each token verified by everybody. */
export function startTraffic(t: Test, { urls, verifiers, againBeforeMs }: TrafficOptions): Traffic {
  const issued: Issued[] = [];
  const wrong: string[] = [];
  /** Refresh tokens that nobody is using at the moment, the longest unused first. */
  const idle: string[] = [];
  const desk = verificationDesk(verifiers, againBeforeMs);

  async function ask(turn: number): Promise<void> {
    const what = TURNS[turn % TURNS.length];
    // Shifted by one each round, so that every kind meets every server.
    const server = (turn + Math.floor(turn / TURNS.length)) % urls.length;
    const refreshToken = what === 'refresh' ? idle.shift() : undefined;
    if (what === 'refresh' && refreshToken === undefined) return;
    const refreshing = { grant_type: 'refresh_token', client_id: 'app', refresh_token: refreshToken ?? '' };
    const askedAt = Date.now();
    const form = what === 'refresh' ? refreshing : what === 'login' ? USER_LOGIN : SERVICE_LOGIN;
    const { status, body } = await postToken(urls[server] ?? '', form);
    if (status !== 200) throw new Error(`${what}: ${status} ${JSON.stringify(body)}`);
    if (what !== 'service') idle.push(String(body['refresh_token']));
    const one = described(String(body['access_token']), server, askedAt);
    issued.push(one);
    if (turn % TURNS.length === 0) await desk.forge(one.token);
    await desk.verify(one);
  }

  const running = new Set<Promise<void>>();
  let turn = 0;
  const timer = setInterval(() => {
    const asking: Promise<void> = ask(turn++)
      .catch((error: unknown) => void wrong.push(String(error)))
      .finally(() => running.delete(asking));
    running.add(asking);
  }, EVERY_MS);
  const stop = async () => {
    clearInterval(timer);
    await Promise.all(running);
  };
  t.teardown(stop);
  return { issued, wrong, tallies: desk.tallies, stop };
}

/** The kid in the head of a token. */
export function kidOf(token: string): string {
  const header: { kid?: unknown } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
  return String(header.kid);
}

function described(token: string, server: number, askedAt: number): Issued {
  const { exp, iat } = claimsOf(token);
  const [expiresAt, lifeSeconds] = [Number(exp) * 1000, Number(exp) - Number(iat)];
  return { token, kid: kidOf(token), server, askedAt, gotAt: Date.now(), expiresAt, lifeSeconds };
}
