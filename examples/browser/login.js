// Login at a mintd issuer from a page, without a framework or a package. Copy this file and answers.js.
//
// The refresh token is in a cookie that no script can read. The access token is in a private field of this class and
// nowhere else: a reload loses it, and restore() gets a new one with the cookie.

import { answerTo, LoggedOut, patiently, TryAgain, WrongPassword } from './answers.js';

export { LoggedOut, TryAgain, WrongPassword };

/** Hashing a password takes its time. */
const LOGIN_PATIENCE_MS = 15_000;

/** An answer that takes longer counts as lost. With the repetitions it stays within mintd's retry window of 10 s. */
const PATIENCE_MS = 4000;

/** How much of an access token's life is used up when the next one is fetched. */
const RENEW_AT = 0.8;

/**
 * @import { Session, User } from './answers.js'
 *
 * @typedef {object} Options
 * @property {string} issuer the URL of mintd
 * @property {string} clientId a client with cookie delivery that lists the origin of this page
 * @property {string[]} apis URLs of the services that get the access token; no other origin does
 * @property {(user: User | null) => void} onChange told when somebody is logged in, or nobody any more, in whatever tab
 */

/** The login of a page. Whatever asks mintd may throw TryAgain, and what is for a user who is logged in LoggedOut. */
export class Login {
  #issuer;
  #clientId;
  #trusted;
  #onChange;
  #lock;
  #otherTabs;
  /** @type {string | null} */
  #accessToken = null;
  /** @type {User | null} */
  #user = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Options} options */
  constructor({ issuer, clientId, apis, onChange }) {
    this.#issuer = issuer.replace(/\/$/, '');
    this.#clientId = clientId;
    this.#trusted = new Set([issuer, ...apis].map((url) => new URL(url).origin));
    this.#onChange = onChange;
    this.#lock = `login ${clientId} ${issuer}`;
    this.#otherTabs = new BroadcastChannel(this.#lock);
    this.#otherTabs.onmessage = ({ data }) => {
      if (data === 'logout') this.#become(null);
      else this.restore().catch(() => undefined);
    };
  }

  /**
   * @param {string} username
   * @param {string} password
   * @returns {Promise<User>}
   * @throws {WrongPassword}
   */
  async login(username, password) {
    await this.#alone(async () => {
      try {
        this.#keep(await this.#post('/token', { grant_type: 'password', username, password }, LOGIN_PATIENCE_MS));
      } catch (error) {
        throw error instanceof LoggedOut ? new WrongPassword(error.message) : error;
      }
    });
    this.#otherTabs.postMessage('login');
    return this.#introduce();
  }

  /**
   * Takes up the login of this browser again, silently. Call it when the page has loaded.
   *
   * @returns {Promise<User | null>} null when nobody is logged in
   */
  async restore() {
    try {
      this.#forgetToken();
      await this.#refresh(null);
      return await this.#introduce();
    } catch (error) {
      if (!(error instanceof LoggedOut)) throw error;
      this.#become(null);
      return null;
    }
  }

  /**
   * `fetch` with the access token. If it is not taken (401), the same once more with a fresh one. It fails as `fetch`
   * does, and with LoggedOut and TryAgain.
   *
   * @param {RequestInfo | URL} input at one of `apis`
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   */
  async fetch(input, init) {
    const request = new Request(input, init);
    const { origin } = new URL(request.url);
    if (!this.#trusted.has(origin)) throw new Error(`${origin} is none of apis, so it gets no access token`);
    if (this.#accessToken === null) await this.restore();
    const token = this.#accessToken;
    const response = await fetch(withToken(request.clone(), token));
    if (response.status !== 401) return response;
    await this.#refresh(token);
    return fetch(withToken(request, this.#accessToken));
  }

  /** @returns {Promise<Session[]>} all logins of this user, the newest first */
  async sessions() {
    return (await this.#ask('GET', '/sessions')).sessions;
  }

  /**
   * Ends a login on whatever device. It gets no new access token; the one it has runs out within minutes.
   *
   * @param {string} sid
   */
  async endSession(sid) {
    if (sid === this.#user?.sid) await this.logout();
    else await this.#ask('DELETE', `/sessions/${encodeURIComponent(sid)}`);
  }

  /** Ends the login of this browser, in all its tabs. If this throws, the login may still be there: say so. */
  async logout() {
    await this.#alone(async () => {
      await this.#post('/logout', {});
      this.#become(null);
    });
    this.#otherTabs.postMessage('logout');
  }

  /**
   * All tabs share the cookie, so one tab at a time changes it. Without this, a slow answer could put an older refresh
   * token back over a newer one.
   *
   * @param {() => Promise<void>} work
   */
  #alone(work) {
    return navigator.locks.request(this.#lock, work);
  }

  /**
   * Gets a new access token with the cookie.
   *
   * @param {string | null} stale the one that will not do any more
   */
  async #refresh(stale) {
    await this.#alone(async () => {
      // While this call waited for its turn, another one was faster, or somebody logged out.
      if (this.#accessToken !== stale) return;
      try {
        this.#keep(await patiently(() => this.#post('/token', { grant_type: 'refresh_token' })));
      } catch (error) {
        if (error instanceof LoggedOut) this.#become(null);
        throw error;
      }
    });
  }

  /** @param {{ access_token: string, expires_in: number }} answer */
  #keep({ access_token: token, expires_in: seconds }) {
    this.#forgetToken();
    this.#accessToken = token;
    this.#renewIn(seconds * 1000 * RENEW_AT, token);
  }

  /**
   * @param {number} ms
   * @param {string} token the one that will soon run out
   */
  #renewIn(ms, token) {
    this.#timer = setTimeout(async () => {
      try {
        await this.#refresh(token);
      } catch (error) {
        if (error instanceof TryAgain && this.#accessToken === token) this.#renewIn(1000, token);
      }
    }, ms);
  }

  #forgetToken() {
    clearTimeout(this.#timer);
    this.#accessToken = null;
  }

  /** Finds out who is logged in. The access token is not for pages to read (RFC 9068 §6). */
  async #introduce() {
    const user = await patiently(() => this.#ask('GET', '/userinfo'));
    if (this.#accessToken === null) throw new LoggedOut();
    this.#become(user);
    return user;
  }

  /** @param {User | null} user */
  #become(user) {
    if (user === null) this.#forgetToken();
    const isNew = user?.sid !== this.#user?.sid;
    this.#user = user;
    if (isNew) this.#onChange(user);
  }

  /**
   * POSTs a form for this client, with the cookie.
   *
   * @param {string} path
   * @param {Record<string, string>} form
   */
  #post(path, form, patience = PATIENCE_MS) {
    return answerTo(() =>
      fetch(this.#issuer + path, {
        method: 'POST',
        body: new URLSearchParams({ client_id: this.#clientId, ...form }),
        credentials: 'include',
        // mintd asks for it: no form can send it, and a script only from an origin of the client.
        headers: { 'x-requested-with': 'fetch' },
        signal: AbortSignal.timeout(patience),
      }),
    );
  }

  /**
   * Calls mintd with the access token.
   *
   * @param {string} method
   * @param {string} path
   */
  #ask(method, path) {
    return answerTo(() =>
      this.fetch(this.#issuer + path, { method, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) }),
    );
  }
}

/**
 * @param {Request} request
 * @param {string | null} token
 */
function withToken(request, token) {
  if (token === null) throw new LoggedOut();
  request.headers.set('authorization', `Bearer ${token}`);
  return request;
}
