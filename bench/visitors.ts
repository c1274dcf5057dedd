import type { Answer } from './connection.js';
import { formRequest, getRequest } from './connection.js';
import { basic, clientForm, type Target } from './target.js';

/** What somebody who visits a token server does, again and again. */
export type Kind = keyof typeof VISITORS;

/** One of many who visit a server at once: what to send next, and what to make of the answer. */
export type Visitor = {
  next(): string;
  /**
   * @returns whether that was what the visitor is there for, not a login that it needed first
   * @throws Error when that is not the answer there should be
   */
  answered(answer: Answer): boolean;
  /** The newest refresh token, of those who have one. */
  token(): string | null;
};

type Begin = (target: Target, number: number, token: string | null) => Visitor;

/** Each knows its refresh token from an earlier visit, or logs in first. */
export const VISITORS = {
  password: (target, number) => always(passwordForm(target, number)),
  client: (target) => always(clientCredentialsForm(target)),
  jwks: (target) => always(getRequest(target.baseUrl + target.jwksPath)),
  refresh: refreshing,
  retry: retrying,
  introspect: introspecting,
  revoke: revoking,
} as const satisfies Readonly<Record<string, Begin>>;

/** Between two requests of one visitor, so that what costs nothing does not take everything. */
export const PAUSE_MS: Readonly<Partial<Record<Kind, number>>> = { jwks: 10, introspect: 10, retry: 10, revoke: 100 };

function always(request: string): Visitor {
  const answered = (answer: Answer) => {
    expect(answer, 200);
    return true;
  };
  return { next: () => request, answered, token: () => null };
}

function expect({ status, body }: Answer, wanted: number): void {
  if (status !== wanted) throw new Error(`${status} instead of ${wanted}: ${body.slice(0, 200)}`);
}

/** A member of an answer that has to be there. */
function member({ body }: Answer, name: string): string {
  const value: unknown = (JSON.parse(body) as Record<string, unknown>)[name];
  if (typeof value !== 'string') throw new Error(`no ${name} in ${body.slice(0, 200)}`);
  return value;
}

function toToken(target: Target, form: Readonly<Record<string, string>>): string {
  const asked = clientForm(target, form);
  return formRequest(target.baseUrl + target.tokenPath, asked.form, asked.authorization);
}

function passwordForm(target: Target, number: number): string {
  const username = target.username.replace('{n}', String(number % target.userCount));
  const scope = target.scope === undefined ? {} : { scope: target.scope };
  return toToken(target, { grant_type: 'password', username, password: target.password, ...scope });
}

function clientCredentialsForm(target: Target): string {
  const { clientId, clientSecret = '' } = target.clientCredentials ?? target;
  const scope = target.scope === undefined ? {} : { scope: target.scope };
  const form = { grant_type: 'client_credentials', ...scope };
  return formRequest(target.baseUrl + target.tokenPath, form, basic(clientId, clientSecret));
}

const refreshForm = (target: Target, token: string) =>
  toToken(target, { grant_type: 'refresh_token', refresh_token: token });

/** Always uses the newest refresh token. */
function refreshing(target: Target, number: number, known: string | null): Visitor {
  let token = known;
  return {
    next: () => (token === null ? passwordForm(target, number) : refreshForm(target, token)),
    answered(answer) {
      const before = token;
      token = null;
      expect(answer, 200);
      const successor = member(answer, 'refresh_token');
      if (successor === before) throw new Error('the refresh token was not rotated');
      token = successor;
      return before !== null;
    },
    token: () => token,
  };
}

/** Sends each refresh token twice, as if the first answer had been lost: both answers bring the same successor. */
function retrying(target: Target, number: number, known: string | null): Visitor {
  let token = known;
  let successor: string | null = null;
  return {
    next: () => (token === null ? passwordForm(target, number) : refreshForm(target, token)),
    answered(answer) {
      const expected = successor;
      const isLogin = token === null;
      successor = null;
      if (answer.status !== 200) token = null;
      expect(answer, 200);
      const got = member(answer, 'refresh_token');
      if (expected !== null && expected !== got) throw new Error('a retry got another successor');
      if (isLogin || expected !== null) token = got;
      else successor = got;
      return !isLogin;
    },
    token: () => token,
  };
}

/** Gets an access token and asks whether it is good, a hundred times. */
function introspecting(target: Target): Visitor {
  let token: string | null = null;
  let left = 0;
  const { clientId, clientSecret = '' } = target.clientCredentials ?? target;
  return {
    next() {
      if (token === null || left === 0) {
        token = null;
        return clientCredentialsForm(target);
      }
      return formRequest(target.baseUrl + (target.introspectPath ?? ''), { token }, basic(clientId, clientSecret));
    },
    answered(answer) {
      expect(answer, 200);
      if (token === null) {
        token = member(answer, 'access_token');
        left = 100;
        return false;
      }
      left--;
      if (!answer.body.includes('"active":true')) throw new Error(`a good token is called ${answer.body}`);
      return true;
    },
    token: () => null,
  };
}

/** Logs in, ends the login, and sees that its refresh token is refused. */
function revoking(target: Target, number: number): Visitor {
  let token: string | null = null;
  let isRevoked = false;
  return {
    next() {
      if (token === null) return passwordForm(target, number);
      if (isRevoked) return refreshForm(target, token);
      const asked = clientForm(target, { token });
      return formRequest(target.baseUrl + (target.revokePath ?? ''), asked.form, asked.authorization);
    },
    answered(answer) {
      const [before, wasRevoked] = [token, isRevoked];
      [token, isRevoked] = [null, false];
      expect(answer, wasRevoked ? 400 : 200);
      if (before === null) token = member(answer, 'refresh_token');
      else if (!wasRevoked) [token, isRevoked] = [before, true];
      return before !== null;
    },
    token: () => null,
  };
}
