/**
 * The reference model: what mintd promises of logins, as plainly as it can be said. It shares no code with src/, and
 * knows no hash, key, epoch or statement: a login is a chain of numbered tokens with a few times and reasons beside it.
 */

/** What holds for every login at one client. */
export type Rules = {
  readonly windowMs: number;
  readonly idleMs: number;
  readonly absoluteMs: number;
};

/** What logins hang on: a person or a client. */
export type Owner = { readonly index: number; isThere: boolean; isEnabled: boolean };
export type Person = Owner & { passwords: number };
export type App = Owner & { readonly rules: Rules };

/** One login. Its tokens are numbered: 0 is the first, `newest` the last. */
export type Login = {
  readonly person: Person;
  readonly app: App;
  readonly absoluteEnd: number;
  readonly scope: readonly string[];
  readonly audiences: readonly string[];
  newest: number;
  idleEnd: number;
  rotatedAt: number;
  revoked: { readonly reason: string; readonly at: number } | null;
  endedWithPerson: boolean;
  endedWithApp: boolean;
  isThere: boolean;
};

/** Which token: its number, or a secret nobody issued behind the login's true handle. */
export type Token = number | 'forged';

export const SCOPES = ['read', 'write', 'admin'];
export const DEFAULT_SCOPE = ['read', 'write'];
export const AUDIENCES = ['https://a.example', 'https://b.example', 'https://c.example'];
export const DEFAULT_AUDIENCES = ['https://a.example', 'https://b.example'];

/** What a request asks for; null: whatever is usual. */
export type Ask = { readonly scope: string | null; readonly audiences: readonly string[] | null };

/** What must be answered: tokens (of which the refresh token has this number), or a refusal. */
export type Expected =
  | {
      readonly ok: true;
      readonly event: 'login' | 'refresh' | 'refresh_retry';
      readonly login: Login;
      readonly token: number;
      readonly scope: readonly string[];
      readonly audiences: readonly string[];
      readonly endsAt: number;
    }
  | { readonly ok: false; readonly reason: string };

/** What becomes of a presented token. Anything but the first three is a refusal that changes nothing. */
export function verdictOn(login: Login, token: Token, by: App, now: number): string {
  if (!login.isThere) return 'refresh_token_unknown';
  if (login.app !== by) return 'refresh_token_of_another_client';
  if (login.revoked !== null) return 'family_revoked';
  if (login.endedWithPerson || login.endedWithApp) return 'family_ended_with_user_or_client';
  if (now >= endOf(login)) return 'family_expired';
  if (token === login.newest) return 'newest';
  // A clock that is a moment behind sees the rotation in its future: that is just now.
  const age = Math.max(0, now - login.rotatedAt);
  return token === login.newest - 1 && age < login.app.rules.windowMs ? 'retry' : 'refresh_token_reused';
}

/** When a login ends by itself. */
export function endOf(login: Login): number {
  return Math.min(login.idleEnd, login.absoluteEnd);
}

/** Why it is over, as a list of sessions says it; null while it lives. */
export function whyEnded(login: Login, now: number): string | null {
  if (login.revoked !== null) return login.revoked.reason;
  if (login.endedWithPerson) return 'ended_with_user';
  if (login.endedWithApp) return 'ended_with_client';
  return now >= endOf(login) ? 'expired' : null;
}

/** What a request gets of what it asks; a string says why it gets nothing. */
function target(ask: Ask, may: Pick<Login, 'scope' | 'audiences'>, usual: Pick<Login, 'scope' | 'audiences'>) {
  const scope = ask.scope?.split(' ') ?? usual.scope;
  if (ask.scope?.includes('"')) return 'scope_malformed';
  if (scope.some((one) => !may.scope.includes(one))) return 'scope_not_allowed';
  const audiences = ask.audiences ?? usual.audiences;
  return audiences.some((one) => !may.audiences.includes(one)) ? 'audience_not_allowed' : { scope, audiences };
}

/** The whole of it: people, clients and logins, and what each request does to them. */
export class Model {
  readonly logins: Login[] = [];
  readonly people: readonly Person[];
  readonly apps: readonly App[];
  now: number;

  constructor(now: number, people: number, rules: readonly Rules[]) {
    this.now = now;
    this.people = Array.from({ length: people }, (_, index) => ({
      index,
      isThere: true,
      isEnabled: true,
      passwords: 1,
    }));
    this.apps = rules.map((rules, index) => ({ index, isThere: true, isEnabled: true, rules }));
  }

  private refusalOf(app: App): string | null {
    if (!app.isThere) return 'client_unknown';
    return app.isEnabled ? null : 'client_disabled';
  }

  /** `meanwhile` happens after the password was found right and before the login is begun. */
  login(person: Person, app: App, isRight: boolean, ask: Ask, meanwhile: () => void): Expected {
    const may = { scope: SCOPES, audiences: AUDIENCES };
    const got = target(ask, may, { scope: DEFAULT_SCOPE, audiences: DEFAULT_AUDIENCES });
    const refused = this.refusalOf(app) ?? (typeof got === 'string' ? got : null) ?? refusalOfPerson(person, isRight);
    if (refused !== null || typeof got === 'string') return { ok: false, reason: String(refused) };
    const living = this.logins.length;
    const login: Login = {
      person,
      app,
      ...got,
      absoluteEnd: this.now + app.rules.absoluteMs,
      newest: 0,
      idleEnd: this.now + app.rules.idleMs,
      rotatedAt: Number.NEGATIVE_INFINITY,
      revoked: null,
      endedWithPerson: false,
      endedWithApp: false,
      isThere: true,
    };
    // It is there already for whatever ends all logins meanwhile: a login must not slip through behind its back.
    this.logins.push(login);
    meanwhile();
    if (login.isThere) return { ok: true, event: 'login', login, token: 0, ...got, endsAt: endOf(login) };
    this.logins.splice(living, 1);
    return { ok: false, reason: 'user_changed_meanwhile' };
  }

  /** `meanwhile` happens after the client and what it asks for were found good, and before the token is judged. */
  refresh(login: Login | null, token: Token | 'damaged', by: App, ask: Ask, meanwhile: () => void): Expected {
    const refused = this.refusalOf(by) ?? (token === 'damaged' ? 'refresh_token_malformed' : null);
    if (refused !== null || token === 'damaged') return { ok: false, reason: String(refused) };
    const got = login === null ? '' : target(ask, login, login);
    const first = login === null ? '' : verdictOn(login, token, by, this.now);
    // Refused for what it asks: nothing is consumed. But a token that is no good is judged as such, whatever it asks.
    if ((first === 'newest' || first === 'retry') && typeof got === 'string') return { ok: false, reason: got };
    meanwhile();
    const verdict = login === null ? 'refresh_token_unknown' : verdictOn(login, token, by, this.now);
    if (login === null || typeof got === 'string' || (verdict !== 'newest' && verdict !== 'retry')) {
      if (login !== null && verdict === 'refresh_token_reused') this.revokeOne(login, 'reuse');
      return { ok: false, reason: verdict };
    }
    if (verdict === 'newest') {
      login.newest++;
      login.rotatedAt = this.now;
      login.idleEnd = this.now + by.rules.idleMs;
    }
    const event = verdict === 'newest' ? 'refresh' : 'refresh_retry';
    return { ok: true, event, login, token: login.newest, ...got, endsAt: endOf(login) };
  }

  /** Revocation by any token of a login, or by an access token; the login that ended, or why not. */
  revoke(login: Login | null, by: App, isAccessToken: boolean): Login | null | string {
    const refused = this.refusalOf(by);
    if (refused !== null) return refused;
    if (login === null || !(login.isThere || isAccessToken)) return null;
    if (login.app !== by) return 'token_of_another_client';
    this.revokeOne(login, 'revoked');
    return login;
  }

  /** Ends one login; whether there was anything to end. */
  revokeOne(login: Login, reason: string): boolean {
    if (!login.isThere || login.revoked !== null) return false;
    login.revoked = { reason, at: this.now };
    return true;
  }

  /** Ends all logins of a person or at a client, for good. */
  endAll(owner: Owner): boolean {
    for (const login of this.logins) {
      if (login.person === owner) login.endedWithPerson = true;
      if (login.app === owner) login.endedWithApp = true;
    }
    return owner.isThere;
  }

  disable(owner: Owner): boolean {
    if (!owner.isThere || !owner.isEnabled) return false;
    owner.isEnabled = false;
    return this.endAll(owner);
  }

  /** What ended stays ended. */
  enable(owner: Owner): boolean {
    if (!owner.isThere || owner.isEnabled) return false;
    owner.isEnabled = true;
    return true;
  }

  remove(owner: Owner): boolean {
    const wasThere = owner.isThere;
    owner.isThere = false;
    for (const login of this.logins) login.isThere &&= login.person !== owner && login.app !== owner;
    return wasThere;
  }

  /** How many logins were past their absolute end, and are gone. */
  removeExpired(): number {
    const over = this.logins.filter((login) => login.isThere && login.absoluteEnd <= this.now);
    for (const login of over) login.isThere = false;
    return over.length;
  }
}

function refusalOfPerson(person: Person, isRight: boolean): string | null {
  if (!person.isThere) return 'user_unknown';
  if (!isRight) return 'password_wrong';
  return person.isEnabled ? null : 'user_disabled';
}
