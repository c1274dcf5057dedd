// Many connections that refresh without a pause, by hand: fetch would be slower than the server they are to overload.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { formatRefreshToken, HANDLE_BYTES, SECRET_BYTES, sha256 } from '../../src/oauth/refresh-token.js';
import { openFamilies } from '../../src/store/families.js';
import { aFamily, DAY_MS } from '../store/support.js';
import { type Cluster, Progress } from './cluster.js';

/** Logins that begin in one commit. */
const AT_ONCE = 50;

/** Begins logins in the database itself and returns their refresh tokens: passwords would take longer than the proof. */
export async function beginLogins({ database }: Pick<Cluster, 'database'>, userId: string, count: number) {
  const { begin } = openFamilies(database);
  const random = (size: number) => new Uint8Array(randomBytes(size));
  const now = Date.now();
  const beginOne = async () => {
    const token = { handle: random(HANDLE_BYTES), secret: random(SECRET_BYTES) };
    const hashes = { handleHash: sha256(token.handle), secretHash: sha256(token.secret) };
    const times = { now, idleExpiresAt: now + DAY_MS, absoluteExpiresAt: now + DAY_MS };
    const audiences = ['http://localhost'];
    if (!(await begin(aFamily(userId, { ...hashes, ...times, audiences })))) throw new Error('no such user or client');
    return formatRefreshToken(token);
  };
  const tokens: string[] = [];
  while (tokens.length < count) {
    const some = Math.min(AT_ONCE, count - tokens.length);
    tokens.push(...(await Promise.all(Array.from({ length: some }, beginOne))));
  }
  return tokens;
}

/** Answers of a crowd. */
export type Tally = {
  /** How long each answer of 200 took, and each other, in milliseconds. */
  readonly servedMs: number[];
  readonly refusedMs: number[];
  /** What came back in place of 200 and 503 with Retry-After. */
  readonly wrong: string[];
  /** What there was of answers in whose middle the connection ended. */
  readonly cut: string[];
};

export type Crowd = Tally & {
  /** Sets so many more of them to work. */
  begin(count: number): void;
  /** Resolves when so many more answers have come. */
  untilAnswered(count: number): Promise<void>;
  /** When all connections have ended. */
  readonly over: Promise<unknown>;
  /** Hangs up, all at once and in the middle of everything. */
  leave(): void;
};

/** Connections on which one request was answered, for one that says nothing in its first seconds is closed. */
export async function connectIdle(url: string, count: number): Promise<readonly Socket[]> {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: count }, () =>
    connect(Number(port), hostname)
      .setNoDelay()
      .on('error', () => undefined),
  );
  for (const socket of sockets) socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  return sockets;
}

/**
 * Assembles a crowd: a connection for each of the tokens, on which it is refreshed again and again once the crowd has begun.
 * A server that is at work already would take in only one connection a turn of its event loop.
 */
export async function assemble(url: string, tokens: readonly string[]): Promise<Crowd> {
  const tally: Tally = { servedMs: [], refusedMs: [], wrong: [], cut: [] };
  const progress = new Progress();
  const sockets = await connectIdle(url, tokens.length);
  const answers = () => tally.servedMs.length + tally.refusedMs.length;
  let begun = 0;
  return {
    ...tally,
    begin(count) {
      for (const socket of sockets.slice(begun, begun + count))
        refreshOn(socket, tokens[begun++] ?? '', tally, progress);
    },
    untilAnswered(count) {
      const wanted = answers() + count;
      return progress.until(() => answers() >= wanted);
    },
    over: Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve)))),
    leave: () => sockets.forEach((socket) => void socket.destroy()),
  };
}

/** Refreshes for as long as the connection lasts. Whoever is sent away comes back at once, which nobody should. */
function refreshOn(socket: Socket, first: string, tally: Tally, progress: Progress): void {
  const { servedMs, refusedMs, wrong, cut } = tally;
  let token = first;
  let since = 0;
  let text = '';
  let isLast = false;
  socket.on('close', () => {
    if (text !== '') cut.push(text);
  });
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
    (status === 200 ? servedMs : refusedMs).push(performance.now() - since);
    const successor = /"refresh_token":"([^"]+)"/.exec(text)?.[1];
    const isRefused = status === 503 && /\r\nretry-after: \d/i.test(text) && text.includes('temporarily_unavailable');
    if (status === 200 && successor !== undefined) token = successor;
    else if (!isRefused) wrong.push(text);
    isLast = /\r\nconnection: close\r\n/i.test(text);
    text = '';
    if (!isLast) ask();
    progress.tick();
  });
  ask();
}
