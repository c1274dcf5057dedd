import { ok, deepStrictEqual as same } from 'node:assert/strict';
import type { Issued } from '../../src/grants/issue.js';
import type { Result } from '../../src/oauth/result.js';
import { endLoginOf } from '../../src/tokens/revoke.js';
import { claimsOf } from '../helper.js';
import { type App, type Ask, type Expected, type Login, Model, type Token, whyEnded } from './model.js';
import { type Concerned, concernedBy, expectedEnd, pick, realEnd } from './model-endings.js';
import { type Ending, MOST_INDEX, type Race, type Step, type Which } from './model-steps.js';
import {
  ACCESS_TTL_SECONDS,
  CLIENTS,
  damage,
  forge,
  type Parameters,
  PEOPLE,
  passwordOf,
  stranger,
  type World,
} from './model-world.js';

/** What a login looks like from outside: every token that was answered for it, refresh tokens by their number. */
export type Answered = {
  readonly sid: string;
  readonly refresh: string[];
  readonly access: { readonly text: string; readonly expiresAt: number }[];
};

/** How often what happened. */
export type Tally = Map<string, number>;

/** One sequence: each step is done to the model and to the real thing, and both must say the same. */
export class Run {
  readonly model: Model;
  readonly world: World;
  readonly answered = new Map<Login, Answered>();
  private readonly tally: Tally;
  private steps = 0;

  constructor(world: World, start: number, tally: Tally) {
    this.tally = tally;
    const rules = CLIENTS.map(({ windowSeconds, idleSeconds, absoluteSeconds }) => ({
      windowMs: windowSeconds * 1000,
      idleMs: idleSeconds * 1000,
      absoluteMs: absoluteSeconds * 1000,
    }));
    this.model = new Model(start, PEOPLE, rules);
    this.world = world;
  }

  async step(step: Step): Promise<void> {
    this.steps++;
    this.count(`step: ${step.do}`);
    switch (step.do) {
      case 'login':
        return this.logIn(step);
      case 'refresh':
        return this.refresh(step);
      case 'revoke':
        return this.revoke(step);
      case 'end':
        return this.end(step.ending);
      case 'wait':
        this.model.now += step.ms;
        return;
      case 'wait until':
        return this.waitUntil(step);
      case 'remove expired':
        same(await this.world.real.sessions.removeExpired(this.model.now, 1000), this.model.removeExpired());
    }
  }

  private async logIn({ user, client, isRight, ask, race }: Extract<Step, { do: 'login' }>): Promise<void> {
    const [person, app] = [pick(this.model.people, user), pick(this.model.apps, client)];
    const password = isRight ? passwordOf(person.passwords) : 'wrong password';
    const username = this.world.usernameOf(person);
    const parameters = { grant_type: 'password', username, password, ...parametersFor(ask) };
    await this.compare(
      race,
      { person, app, login: null },
      (meanwhile) => this.model.login(person, app, isRight, ask, meanwhile),
      (meanwhile) => this.world.token(app, parameters, this.model.now, meanwhile),
    );
  }

  private async refresh({ login: n, token: which, byOther, ask, race }: Extract<Step, { do: 'refresh' }>) {
    const { login, token, text } = this.present(n, which);
    const by = this.clientFor(login, byOther);
    this.count(`refresh with: ${which}${byOther ? ', by another client' : ''}`);
    if (ask.scope !== null || ask.audiences !== null) this.count(`refresh for a target with: ${which}`);
    const parameters = { grant_type: 'refresh_token', refresh_token: text, ...parametersFor(ask) };
    await this.compare(
      race,
      { person: login?.person ?? pick(this.model.people, 0), app: by, login },
      (meanwhile) => this.model.refresh(login, token, by, ask, meanwhile),
      (meanwhile) => this.world.token(by, parameters, this.model.now, meanwhile),
    );
  }

  /** Asks the model and the real thing, with the same happening in the middle of both: every other time to their own. */
  private async compare(
    race: Race,
    own: Concerned,
    expect: (meanwhile: () => void) => Expected,
    ask: (meanwhile: () => Promise<void>) => Promise<Result<Issued>>,
  ): Promise<void> {
    if (race !== null) this.count(`meanwhile: ${race === 'twin' ? 'the same request' : race.end}`);
    const isOwn = race !== null && race !== 'twin' && race.of % 2 === 0;
    const concerned = race === null || race === 'twin' ? null : isOwn ? own : this.concernedBy(race);
    let twin: Expected | null = null;
    let isEnding = false;
    const inModel = once(() => {
      if (race === 'twin') twin = expect(() => undefined);
      else if (race !== null && concerned !== null) isEnding = expectedEnd(this.model, race, concerned);
    });
    const inReality = once(async () => {
      if (twin !== null) this.check(twin, await ask(async () => undefined));
      else if (race !== null && race !== 'twin' && concerned !== null) {
        same(await this.really(race, concerned), isEnding, race.end);
      }
    });
    const expected = expect(inModel);
    inModel();
    const actual = await ask(async () => inReality());
    await inReality();
    this.check(expected, actual);
  }

  private check(expected: Expected, actual: Result<Issued>): void {
    const verdict = expected.ok ? expected.event : expected.reason;
    same(actual.ok ? actual.value.event.event : actual.refusal.reason, verdict);
    this.count(`verdict: ${verdict}`);
    if (!expected.ok || !actual.ok) return;
    const { login, token } = expected;
    const { response, event, refreshExpiresAt } = actual.value;
    const { scope, aud, ...claims } = claimsOf(response.access_token);
    const known = this.answered.get(login) ?? { sid: event.sid ?? '', refresh: [], access: [] };
    this.answered.set(login, known);
    same(refreshExpiresAt, expected.endsAt);
    same([scope, response.scope], [expected.scope.join(' '), expected.scope.join(' ')]);
    same([aud].flat(), expected.audiences);
    same([claims['sid'], claims['client_id']], [known.sid, this.world.clientIdOf(login.app)]);
    same([claims['sub'], event.userId], Array(2).fill(this.world.userIdOf(login.person)));
    const iat = Math.floor(this.model.now / 1000);
    same([claims['iat'], claims['exp']], [iat, iat + ACCESS_TTL_SECONDS]);
    known.access.push({ text: response.access_token, expiresAt: (iat + ACCESS_TTL_SECONDS) * 1000 });
    const refreshToken = String(response.refresh_token);
    if (token < known.refresh.length) {
      same(refreshToken, known.refresh[token], 'a retry gets the same successor');
      return;
    }
    ok(![...this.answered.values()].some(({ refresh }) => refresh.includes(refreshToken)), 'a new token is new');
    same(known.refresh.push(refreshToken), token + 1);
  }

  private async revoke({ login: n, token: which, byOther }: Extract<Step, { do: 'revoke' }>): Promise<void> {
    this.count(`revoke with: ${which}${byOther ? ', by another client' : ''}`);
    const at = this.loginAt(n);
    const { login, text } = which === 'access' ? this.presentAccess(at) : this.present(n, which);
    const by = this.clientFor(at, byOther);
    const expected = this.model.revoke(which === 'damaged' ? null : login, by, which === 'access');
    const client = await this.world.clientOf(by);
    const { tokens } = this.world.real;
    const request = { token: text, now: this.model.now };
    const revoked = client.ok ? await endLoginOf(tokens, { ...request, client: client.value }, 'revoked') : client;
    const sidOrReason = revoked.ok ? (revoked.value?.sid ?? null) : revoked.refusal.reason;
    this.count(`revoked: ${typeof expected === 'string' ? expected : expected === null ? 'nothing' : 'a login'}`);
    same(sidOrReason, typeof expected === 'string' ? expected : expected && this.answeredFor(expected).sid);
  }

  private async end(ending: Ending): Promise<void> {
    const concerned = this.concernedBy(ending);
    const expected = expectedEnd(this.model, ending, concerned);
    this.count(`end: ${ending.end}${expected ? '' : ' (nothing to do)'}`);
    same(await this.really(ending, concerned), expected, ending.end);
  }

  private concernedBy(ending: Ending): Concerned {
    return concernedBy(this.model, ending, this.loginAt(ending.of));
  }

  private really(ending: Ending, concerned: Concerned): Promise<boolean> {
    const sid = concerned.login === null ? null : this.answeredFor(concerned.login).sid;
    return realEnd(this.world, ending, concerned, sid, this.model.now);
  }

  /** To the edge of something that ends, to the millisecond; never back. */
  private waitUntil({ login: n, edge, ms }: Extract<Step, { do: 'wait until' }>): void {
    const login = this.loginAt(n);
    if (login === null) return;
    const window = login.rotatedAt + login.app.rules.windowMs;
    const at = { window, idle: login.idleEnd, absolute: login.absoluteEnd }[edge] + ms;
    if (at <= this.model.now) return;
    this.model.now = at;
    this.count(`at the edge of: ${edge}`);
  }

  /** Mostly one that lives: there are many ways to die. The newest is 0. */
  private loginAt(n: number): Login | null {
    const { logins, now } = this.model;
    const living = logins.filter((login) => login.isThere && whyEnded(login, now) === null);
    const among = living.length > 0 && n < MOST_INDEX - 1 ? living : logins;
    return among.at(-1 - (n % Math.max(1, among.length))) ?? null;
  }

  private answeredFor(login: Login): Answered {
    const answered = this.answered.get(login);
    if (answered === undefined) throw new Error('no such login was answered');
    return answered;
  }

  private clientFor(login: Login | null, isOther: boolean): App {
    return pick(this.model.apps, (login?.app.index ?? 0) + (isOther ? 1 : 0));
  }

  /** An access token that has run out leads to no login. */
  private presentAccess(login: Login | null): { login: Login | null; text: string } {
    if (login === null) return { login, text: 'no token at all' };
    const { text, expiresAt } = pick(this.answeredFor(login).access, this.steps);
    return { login: expiresAt > this.model.now ? login : null, text };
  }

  private present(n: number, which: Which): { login: Login | null; token: Token | 'damaged'; text: string } {
    const login = this.loginAt(n);
    if (login === null || which === 'stranger') return { login: null, token: 0, text: stranger(this.steps) };
    const { refresh } = this.answeredFor(login);
    const previous = Math.max(0, login.newest - 1);
    const stale = previous === 0 ? 0 : this.steps % previous;
    const token = which === 'previous' ? previous : which === 'stale' ? stale : login.newest;
    const text = refresh[token] ?? '';
    if (which === 'damaged') return { login, token: 'damaged', text: damage(text, this.steps) };
    return which === 'forged' ? { login, token: 'forged', text: forge(text, this.steps) } : { login, token, text };
  }

  private count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }
}

function parametersFor({ scope, audiences }: Ask): Parameters {
  return { scope, audience: audiences };
}

function once<T>(what: () => T): () => T | undefined {
  let isDone = false;
  return () => {
    if (isDone) return undefined;
    isDone = true;
    return what();
  };
}
