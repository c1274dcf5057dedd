import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { FORM, issuerWithClients, listening, logIn, loginForm } from '../rfc/setup.js';

// Connections as no HTTP client would use them: slow, silent, greedy.
const issuer = await issuerWithClients(t);
const { server } = issuer.app;
const port = Number(new URL(await listening(issuer)).port);
const BODY = new URLSearchParams(loginForm()).toString();
const HEAD = `POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nContent-Length: ${BODY.length}\r\n`;
const LIVEZ = 'GET /livez HTTP/1.1\r\nHost: a\r\n\r\n';
/** Beyond the time-out: they are looked for once a second, on a machine that may be slow. */
const LATE_MS = 6_000;

/** Opens a connection, sends bytes, and keeps what comes. */
function open(bytes: string): {
  readonly socket: Socket;
  readonly text: () => string;
  readonly closed: Promise<number>;
} {
  const since = performance.now();
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  socket.write(bytes);
  const closed = once(socket, 'close').then(() => performance.now() - since);
  return { socket, text: () => text, closed };
}

const answersIn = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));

t.test('what is not sent in time is 408, soon after its time', async (t) => {
  const rows = {
    'nothing at all': ['', 5_000],
    'headers that never end': [HEAD, 5_000],
    'the first letter': ['P', 5_000],
    'a body that never ends': [`${HEAD}\r\ngrant_type=`, 10_000],
  } as const;
  const ends = Object.entries(rows).map(async ([what, [bytes, timeoutMs]]) => {
    const { text, closed } = open(bytes);
    const ms = await closed;
    t.match(text(), /^HTTP\/1\.1 408 [\s\S]*connection: close/, what);
    t.ok(ms >= timeoutMs && ms < timeoutMs + LATE_MS, `${what}: closed after ${Math.round(ms)} ms`);
  });
  // Who sends a letter now and then is not faster than who sends nothing.
  const { socket, closed } = open('GET /livez HTTP/1.1\r\nX: ');
  const dripping = setInterval(() => socket.write('x'), 200);
  ends.push(
    closed.then((ms) => void t.ok(ms < 5_000 + LATE_MS, `one letter at a time: closed after ${Math.round(ms)} ms`)),
  );
  await Promise.all(ends).finally(() => clearInterval(dripping));
});

t.test(
  'a thousand requests sent at once in one connection are answered in order, and what follows them is not',
  async (t) => {
    const { refresh_token: token } = await logIn(issuer);
    const request = (body: string) =>
      `POST /revoke HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const slow = request(`client_id=app&token=${token}`);
    const numbered = Array.from(
      { length: 1_500 },
      (_, i) => `GET /${i % 3 === 0 ? 'livez' : 'nowhere'} HTTP/1.1\r\nHost: a\r\n\r\n`,
    );
    const { text, closed } = open(slow + numbered.join(''));
    await closed;
    const expected = [200, ...numbered.map((_, i) => (i % 3 === 0 ? 200 : 404))].slice(0, 1_000);
    t.strictSame(answersIn(text()), expected, 'the first one, which takes longest, comes first');
    t.equal(text().match(/^connection: close/gim)?.length, 1, 'and the last one says that it is the last');
  },
);

t.test('who asks very often and reads nothing is not read from any more', async (t) => {
  const { socket } = open('');
  const connected = once(server, 'connection');
  socket.pause();
  const [serverSide] = (await connected) as [Socket];
  socket.write('GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50_000));
  await once(serverSide, 'pause');
  t.ok(serverSide.writableLength < 4 * 1024 * 1024, `${serverSide.writableLength} bytes are kept for it`);
  socket.destroy();
});

t.test('one connection too many is closed at once; those that ask for nothing make room', async (t) => {
  const most = server.maxConnections;
  const idle = Array.from({ length: 3 }, () => open(LIVEZ));
  while (idle.some(({ text }) => !text().endsWith('"live"}'))) await new Promise(setImmediate);
  const busy = open(`${HEAD}\r\n`);
  busy.socket.write(BODY.slice(0, -1));
  await once(server, 'connection');
  const count = await new Promise<number>((resolve) => server.getConnections((_error, n) => resolve(n)));
  server.maxConnections = count;
  const refused = open(LIVEZ);
  await refused.closed;
  t.equal(refused.text(), '', 'without a word');
  await Promise.all(idle.map(({ closed }) => closed));
  const next = open(LIVEZ.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  await next.closed;
  t.strictSame(answersIn(next.text()), [200], 'the next one finds room');
  busy.socket.write(BODY.slice(-1));
  while (!busy.text().includes('access_token')) await once(busy.socket, 'data');
  busy.socket.destroy();
  server.maxConnections = most;
});
