// Clients that know only the address of a proxy, and none of the servers behind it.
import { setTimeout as pause } from 'node:timers/promises';
import { claimsOf } from '../helper.js';
import { type Answer, postToken } from '../process/harness.js';
import { type Chain, loginRequest, nth, Progress, refreshRequest, tokenIn } from './cluster.js';

/** Between two steps of a client that is in no hurry: what is tried is not how much the servers can bear. */
const REST_MS = 200;

/** An access token: which key signed it, and between which two moments. */
export type Signed = { readonly kid: string; readonly askedAt: number; readonly gotAt: number };

export type Travellers = {
  readonly url: string;
  readonly progress: Progress;
  /** Logins that are refreshed all the time, with every token that was answered. */
  readonly chains: readonly Chain[];
  readonly signed: readonly Signed[];
  /** How often a connection broke, and how often a client was told to come back later. */
  readonly count: { retries: number; unavailable: number };
  /** The newest access token of each chain. */
  readonly access: ReadonlyMap<string, string>;
  /** Whether they rest between two steps. */
  isInHurry: boolean;
  /** Asks the token endpoint as all of them do. */
  ask(form: Readonly<Record<string, string>>): Promise<Answer>;
  /** Logs in as one of them does. */
  logIn(username: string): Promise<Chain>;
  /** Resolves when each chain was refreshed so many times more. */
  untilSteps(steps: number): Promise<void>;
  /** Lets what is under way end. Rejects when anything was answered that must not be. */
  stop(): Promise<void>;
};

/** Logs so many clients in and lets them refresh until they are told to stop. */
export async function startTravellers(url: string, username: string, count: number): Promise<Travellers> {
  const progress = new Progress();
  const signed: Signed[] = [];
  const access = new Map<string, string>();
  const counted = { retries: 0, unavailable: 0 };
  let isOver = false;

  /** Sends it once more, and only once, where the connection broke; and as often as it is told to come back later. */
  async function ask(form: Readonly<Record<string, string>>): Promise<Answer> {
    for (let broken = 0; ; ) {
      const askedAt = Date.now();
      const answer = await postToken(url, { ...form }).catch((error: unknown) => {
        if (broken++ > 0) throw new Error('the connection broke twice', { cause: error });
        counted.retries++;
        return null;
      });
      if (answer?.status === 503) {
        counted.unavailable++;
        await pause(REST_MS);
      } else if (answer !== null) {
        const token = answer.body['access_token'];
        if (token !== undefined) signed.push({ kid: kidOf(token), askedAt, gotAt: Date.now() });
        return answer;
      }
    }
  }

  async function logIn(name: string): Promise<Chain> {
    const answer = await ask(loginRequest(name).form ?? {});
    const [token, accessToken] = [refreshTokenIn(answer), String(answer.body['access_token'])];
    return { clientId: 'app', sid: String(claimsOf(accessToken)['sid']), accessToken, answered: [token] };
  }

  /** Every fourth time it sends the same token twice at once, as two tabs do: to two servers, for one answer. */
  async function step(chain: Chain, number: number): Promise<void> {
    const { form = {} } = refreshRequest(nth(chain));
    const answers = await Promise.all(Array.from({ length: number % 4 === 0 ? 2 : 1 }, () => ask(form)));
    const [token = '', ...others] = new Set(answers.map(refreshTokenIn));
    if (others.length > 0) throw new Error('two chains');
    chain.answered.push(token);
    access.set(chain.sid, String(answers[0]?.body['access_token']));
    progress.tick();
  }

  const chains = await Promise.all(Array.from({ length: count }, () => logIn(username)));
  const travellers = { url, progress, chains, signed, count: counted, access, isInHurry: false, ask, logIn };
  const travel = async (chain: Chain) => {
    for (let number = 1; !isOver; number++) {
      await step(chain, number);
      if (!travellers.isInHurry) await pause(REST_MS);
    }
  };
  const running = progress.watch(Promise.all(chains.map(travel)));
  const untilSteps = (steps: number) => {
    const before = chains.map(({ answered }) => answered.length);
    return progress.until(() => chains.every(({ answered }, i) => answered.length >= (before[i] ?? 0) + steps));
  };
  const stop = async () => {
    isOver = true;
    await running;
  };
  return Object.assign(travellers, { untilSteps, stop });
}

function refreshTokenIn({ status, body }: Answer): string {
  return tokenIn({ status, body, headers: new Headers() });
}

function kidOf(token: unknown): string {
  const [header = ''] = String(token).split('.');
  return String(JSON.parse(Buffer.from(header, 'base64url').toString())['kid']);
}
