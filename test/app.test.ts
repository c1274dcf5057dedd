import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { testIssuer } from './helper.js';

/** An issuer that really listens, its log, and a way to send it anything at all. */
async function listening(t: Test) {
  const { app, log } = await testIssuer(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;

  /** Sends bytes; what comes back until the server closes the connection. */
  async function send(bytes: string | Buffer): Promise<string> {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    let answer = '';
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.write(bytes);
    await once(socket, 'close');
    return answer;
  }
  return { app, log, send };
}

t.test('what is not HTTP is answered in one breath, and not logged', async (t) => {
  const { log, send } = await listening(t);
  for (const bytes of ['GET\r\n\r\n', Buffer.from([0x16, 3, 1, 2, 0, 1, 0]), 'password=verysecret\r\n\r\n']) {
    t.match(await send(bytes), /^HTTP\/1.1 400 Bad Request\r\n/);
  }
  t.notMatch(log.join(''), 'verysecret');
});

t.test('a path that cannot be decoded is refused as any other', async (t) => {
  const { app } = await listening(t);
  const reply = await app.inject({ url: '/%zz' });
  t.equal(reply.statusCode, 400);
  t.match(reply.json(), { error: 'invalid_request' });
});

t.test('a head without end is cut off by its size', async (t) => {
  const { send } = await listening(t);
  t.match(await send(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(64 * 1024)}`), /^HTTP\/1.1 4\d\d |^$/);
});

t.test('a request is one line of the log at level debug, and its URL is not in it', async (t) => {
  const { app, log } = await listening(t);
  await app.inject({ url: '/livez?password=verysecret' });
  await app.inject({ url: '/nowhere/verysecret?x=verysecret' });
  await app.inject({ url: '/livez' });
  const lines = log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'http');
  t.match(lines, [
    { method: 'GET', route: '/livez', statusCode: 400 },
    { method: 'GET', statusCode: 404 },
    { method: 'GET', route: '/livez', statusCode: 200, ms: Number },
  ]);
  t.notMatch(log.join(''), 'verysecret');
});
