import { once } from 'node:events';
import { connect } from 'node:net';
import { basic, claimsOf } from '../helper.js';
import type { Cluster } from './cluster.js';
import { type Secret, secretsOfAccessToken, secretsOfRefreshToken, secretText } from './secrets.js';
import { send, type WireReply, type WireRequest } from './wire.js';

export const PAGE = { origin: 'http://localhost:3000', 'x-requested-with': 'fetch' };

/** The password, with every character that an encoding may change. */
export const PASSWORD = 'canary+pass word"\\%ü€';
export const WRONG = 'canary-wrong pass/word';

/** A run through all endpoints, rightly and wrongly, and every secret that occurred in it. */
export class Everything {
  readonly secrets: Secret[] = [secretText('the password', PASSWORD), secretText('a wrong password', WRONG)];
  readonly statuses = new Map<number, number>();

  readonly url: string;
  readonly clientSecret: string;

  constructor(url: string, clientSecret: string) {
    this.url = url;
    this.clientSecret = clientSecret;
    this.secrets.push(secretText('the client secret', clientSecret));
  }

  /** Sends a request and notes every token in the answer. */
  async send(request: WireRequest): Promise<WireReply> {
    const reply = await send(this.url, request);
    this.statuses.set(reply.status, (this.statuses.get(reply.status) ?? 0) + 1);
    const n = this.secrets.length;
    const { access_token: access, refresh_token: refresh } = reply.body;
    const cookie = /refresh_token-spa=(mrt_[\w-]+)/.exec(reply.headers.getSetCookie().join('\n'))?.[1];
    if (typeof access === 'string') this.secrets.push(...secretsOfAccessToken(`access token ${n}`, access));
    for (const token of [refresh, cookie]) {
      if (typeof token === 'string') this.secrets.push(...secretsOfRefreshToken(`refresh token ${n}`, token));
    }
    return reply;
  }

  post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<WireReply> {
    return this.send({ path, form, headers });
  }

  async login(more: Record<string, string> = {}, headers = {}): Promise<{ access: string; refresh: string }> {
    const form = { grant_type: 'password', client_id: 'app', username: 'mole', password: PASSWORD, ...more };
    const { body, headers: answered } = await this.post('/token', form, headers);
    const cookie = /=(mrt_[\w-]+)/.exec(answered.getSetCookie().join('\n'))?.[1];
    return { access: String(body['access_token']), refresh: String(body['refresh_token'] ?? cookie) };
  }

  async refresh(token: string, more: Record<string, string> = {}): Promise<string> {
    const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: token, ...more };
    return String((await this.post('/token', form)).body['refresh_token']);
  }

  /** What everybody does who does it right, and what becomes of old and damaged tokens. */
  async chains(): Promise<void> {
    const first = await this.login();
    const second = await this.refresh(first.refresh, { scope: 'read' });
    await this.refresh(first.refresh);
    const third = await this.refresh(second);
    const service = { client_id: 'service', client_secret: this.clientSecret };
    await this.refresh(third, service);
    await this.refresh(`${third.slice(0, 30)}${third[30] === 'A' ? 'B' : 'A'}${third.slice(31)}`);
    for (const damaged of [third.slice(0, -1), `${third}A`, third.slice(4), third.toUpperCase()]) {
      await this.refresh(damaged);
    }
    await this.refresh(third, { scope: 'admin' });
    await this.refresh(third, { resource: 'urn:elsewhere' });
    await this.refresh(third, { grant_type: third });
    await this.refresh(first.refresh);
    await this.refresh(third);
    const header = { authorization: basic('service', this.clientSecret) };
    await this.post('/token', { grant_type: 'client_credentials' }, header);
    await this.post('/token', { grant_type: 'client_credentials', ...service });
  }

  /** The endpoints that look at a token or end it. */
  async tokens(): Promise<void> {
    const [one, two, three, four] = [await this.login(), await this.login(), await this.login(), await this.login()];
    const service = { client_id: 'service', client_secret: this.clientSecret };
    const own = await this.login(service);
    for (const token of [own.access, own.refresh, one.access, one.refresh, 'x', `${own.access}x`]) {
      await this.post('/introspect', { token, ...service });
      await this.post('/introspect', { token, client_id: 'app' });
      await this.post('/revoke', { token, client_id: 'app' });
      await this.post('/revoke', { token_type_hint: token, token, ...service });
    }
    for (const token of [two.access, one.access, `${two.access}x`, two.refresh, `${two.access} x`, '']) {
      const headers = { authorization: `Bearer ${token}` };
      for (const method of ['GET', 'POST']) await this.send({ method, path: '/userinfo', headers });
      await this.send({ method: 'GET', path: '/sessions', headers });
      await this.send({ method: 'DELETE', path: `/sessions/${claimsOf(three.access)['sid']}`, headers });
      await this.send({ method: 'DELETE', path: `/sessions/${three.refresh}`, headers });
    }
    await this.send({ method: 'DELETE', path: '/sessions', headers: { authorization: `Bearer ${four.access}` } });
  }

  /** Cookie delivery, and what is refused of it. */
  async cookies(): Promise<void> {
    const form = { grant_type: 'refresh_token', client_id: 'spa' };
    let token = (await this.login({ client_id: 'spa' }, PAGE)).refresh;
    for (let i = 0; i < 2; i++) {
      const reply = await this.post('/token', form, { ...PAGE, cookie: `refresh_token-spa=${token}` });
      token = /=(mrt_[\w-]+)/.exec(reply.headers.getSetCookie().join('\n'))?.[1] ?? '';
    }
    const cookie = `refresh_token-spa=${token}`;
    await this.post('/token', form, { ...PAGE, cookie: `${cookie}; ${cookie}` });
    await this.post('/token', { ...form, refresh_token: token }, { ...PAGE, cookie });
    await this.post('/token', form, { ...PAGE, cookie, origin: `https://evil.example/${token}` });
    await this.post('/token', form, { cookie });
    await this.post('/logout', { client_id: 'spa' }, { cookie });
    await this.post('/logout', { client_id: 'spa' }, { ...PAGE, cookie });
    await this.post('/logout', { client_id: 'app' }, { ...PAGE, cookie });
  }

  /** Secrets that are wrong, or where they do not belong. */
  async misplaced(): Promise<void> {
    const { access, refresh } = await this.login();
    const login = { grant_type: 'password', client_id: 'app', username: 'mole', password: PASSWORD };
    for (const wrong of [{ password: WRONG }, { username: PASSWORD }, { client_id: PASSWORD }, { scope: PASSWORD }]) {
      await this.post('/token', { ...login, ...wrong });
    }
    for (const secret of [PASSWORD, this.clientSecret, refresh, access]) {
      for (const authorization of [basic('service', `${secret}x`), basic(secret, secret), `Basic ${secret}`, secret]) {
        const headers = { authorization: Buffer.from(authorization).toString('latin1') };
        await this.post('/token', { grant_type: 'client_credentials' }, headers);
      }
      await this.post('/token', { grant_type: secret, client_id: 'service', client_secret: `${secret}x` });
      await this.post('/token', { ...login, [secret]: secret });
      // Of one that begins a login it is kept, to know the device by; of any other it is not.
      await this.post('/token', { ...login, password: WRONG }, { 'user-agent': encodeURIComponent(secret) });
      const text = encodeURIComponent(secret);
      for (const path of [`/token?password=${text}`, `/userinfo?access_token=${text}`, `/x?y=${text}`, `/${text}`]) {
        for (const method of ['GET', 'POST', 'DELETE']) await this.send({ method, path });
      }
      await this.send({ method: 'GET', path: `/%zz${text}` });
      await this.malformed(secret, text);
    }
  }

  private async malformed(secret: string, text: string): Promise<void> {
    const json = JSON.stringify({ token: secret, password: secret });
    const [form, type] = ['application/x-www-form-urlencoded', 'application/json'];
    for (const [contentType, raw] of [
      [form, `token=${text}&x=%zz`],
      [form, `token=${text}&token=${text}`],
      [form, `token=${text}&x=${'x'.repeat(20_000)}`],
      [type, json.slice(0, -1)],
      [type, json.replace('{', '{"token":"x",')],
      [type, JSON.stringify({ token: [secret] })],
      [`text/${text.slice(0, 200)}`, secret],
    ] as const) {
      for (const path of ['/token', '/revoke', '/introspect', '/logout']) {
        await this.send({ path, raw, headers: { 'content-type': contentType } });
      }
    }
    for (const nonsense of [`${text}\r\n\r\n`, `GET / HTTP/1.1\r\n${text}: ${text}\r\n${text}\r\n\r\n`]) {
      await sendNonsense(this.url, nonsense);
    }
    await sendNonsense(this.url, `GET / HTTP/1.1\r\nhost: x\r\nx-secret: ${text.repeat(500)}\r\n\r\n`);
  }
}

/** Bytes that are not HTTP; waits until the server has hung up. */
async function sendNonsense(url: string, bytes: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  socket.resume().end(bytes);
  await once(socket, 'close');
}

/** Makes the user, the clients and the run. */
export async function prepareEverything(cluster: Cluster, url: string): Promise<Everything> {
  await cluster.mintd('users add mole --email mole@example.com --password-stdin', PASSWORD);
  const grants = '--grant password --grant refresh_token --scope read --scope write --default-scope read';
  await cluster.mintd(`clients add app --kind public ${grants}`);
  await cluster.mintd(`clients add spa --kind public ${grants} --delivery cookie --origin ${PAGE.origin}`);
  const service = `clients add service --kind confidential ${grants} --grant client_credentials --json`;
  return new Everything(url, String(JSON.parse(await cluster.mintd(service))['client_secret']));
}
