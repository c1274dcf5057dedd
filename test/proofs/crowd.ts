// Many connections that refresh without a pause, by hand: fetch would be slower than the server they are to overload.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { formatRefreshToken, HANDLE_BYTES, SECRET_BYTES, sha256 } from '../../src/oauth/refresh-token.js';
import { openFamilies } from '../../src/store/families.js';
import { aFamily, DAY_MS } from '../store/support.js';
import type { Cluster } from './cluster.js';

/** Begins logins in the database itself and returns their refresh tokens: passwords would take longer than the proof. */
export async function beginLogins({ database }: Pick<Cluster, 'database'>, userId: string, count: number) {
  const { begin } = openFamilies(database);
  const random = (size: number) => new Uint8Array(randomBytes(size));
  const now = Date.now();
  const tokens: string[] = [];
  for (let i = 0; i < count; i++) {
    const token = { handle: random(HANDLE_BYTES), secret: random(SECRET_BYTES) };
    const hashes = { handleHash: sha256(token.handle), secretHash: sha256(token.secret) };
    const times = { now, idleExpiresAt: now + DAY_MS, absoluteExpiresAt: now + DAY_MS };
    const audiences = ['http://localhost'];
    if (!(await begin(aFamily(userId, { ...hashes, ...times, audiences })))) throw new Error('no such user or client');
    tokens.push(formatRefreshToken(token));
  }
  return tokens;
}

/** Answers of a crowd. */
export type Tally = {
  /** How many of each status; those of broken connections are 0. */
  readonly statuses: Map<number, number>;
  /** How long each answer of 200 took, and each other, in milliseconds. */
  readonly servedMs: number[];
  readonly refusedMs: number[];
  /** What came back in place of 200 and 503 with Retry-After. */
  readonly wrong: string[];
};

export type Crowd = Tally & {
  /** Hangs up, all at once and in the middle of everything. */
  leave(): void;
};

/** Sets a crowd to work: each of the tokens is refreshed on a connection of its own, again and again. */
export async function gather(url: string, tokens: readonly string[]): Promise<Crowd> {
  const tally: Tally = { statuses: new Map(), servedMs: [], refusedMs: [], wrong: [] };
  const { hostname, port } = new URL(url);
  const sockets = await Promise.all(
    tokens.map(async () => {
      const socket = connect(Number(port), hostname).setNoDelay();
      await once(socket, 'connect');
      return socket.on('error', () => undefined);
    }),
  );
  for (const [i, socket] of sockets.entries()) refreshOn(socket, tokens[i] ?? '', tally);
  const leave = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { ...tally, leave };
}

/** Refreshes for as long as the connection lasts. Whoever is sent away comes back at once, which nobody should. */
function refreshOn(socket: Socket, first: string, { statuses, servedMs, refusedMs, wrong }: Tally): void {
  let token = first;
  let since = 0;
  let text = '';
  const ask = () => {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'app',
      refresh_token: token,
    }).toString();
    since = performance.now();
    socket.write(
      `POST /token HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n` +
        `content-length: ${form.length}\r\n\r\n${form}`,
    );
  };
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
    const head = text.indexOf('\r\n\r\n');
    const length = /^content-length: (\d+)\r$/im.exec(text)?.[1];
    if (head === -1 || text.length < head + 4 + Number(length)) return;
    const status = Number(text.slice(9, 12));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    (status === 200 ? servedMs : refusedMs).push(performance.now() - since);
    const successor = /"refresh_token":"([^"]+)"/.exec(text)?.[1];
    const isRefused = status === 503 && /\r\nretry-after: \d/i.test(text) && text.includes('temporarily_unavailable');
    if (status === 200 && successor !== undefined) token = successor;
    else if (!isRefused) wrong.push(text);
    text = '';
    ask();
  });
  ask();
}
