import { once } from 'node:events';
import { connect } from 'node:net';
import Fastify from 'fastify';
import t from 'tap';
import { boundWork } from '../../src/http/overload.js';
import { PATHS } from '../../src/oauth/metadata.js';
import { assertError, issuerWithClients, logIn, loginForm, refresh } from '../rfc/setup.js';

/** As many as the issuer works on at once. */
const AT_ONCE = 64;

t.test('more than can be done is 503 at once; the keys, probes, monitors and logins go on', async (t) => {
  const issuer = await issuerWithClients(t);
  const { families } = issuer.grants;
  const { refresh_token: token } = await logIn(issuer);
  const { rotate } = families;
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let begun = 0;
  const rotateLater = (...rotation: Parameters<typeof rotate>) => {
    begun++;
    return held.then(() => rotate(...rotation));
  };
  Object.assign(families, { rotate: rotateLater });
  const working = Array.from({ length: AT_ONCE }, () => refresh(issuer, token));
  while (begun < AT_ONCE) await new Promise(setImmediate);
  const [one, two] = await Promise.all([refresh(issuer, token), issuer.app.inject({ url: PATHS.userinfo })]);
  assertError(t, one, 503, 'temporarily_unavailable');
  t.equal(one.headers['retry-after'], '1');
  t.equal(two.statusCode, 503, 'it is one limit for all that has to be worked for');
  const told = issuer.log.filter((line) => line.includes('"event":"overloaded"'));
  t.match(
    told.map((line) => JSON.parse(line)),
    [{ level: 40, requests: 1 }],
    'two were sent away, and one line tells',
  );

  const always = [PATHS.jwks, PATHS.authorizationServerMetadata, PATHS.openidConfiguration, PATHS.livez, PATHS.readyz];
  for (const url of [...always, PATHS.metrics]) t.equal((await issuer.app.inject({ url })).statusCode, 200, url);
  t.equal(
    (await issuer.post('/token', loginForm())).status,
    200,
    'a login waits for bcrypt, and has a lane of its own',
  );
  t.equal((await issuer.app.inject({ url: '/nowhere' })).statusCode, 404);

  goOn();
  const answers = await Promise.all(working);
  t.ok(
    answers.every(({ status }) => status === 200),
    'who had begun is served',
  );
  Object.assign(families, { rotate });
  t.equal((await refresh(issuer, answers[0]?.body['refresh_token'])).status, 200, 'and there is room again');
});

t.test('a turn ends with the answer, whatever the answer, and whether or not anybody reads it', async (t) => {
  const app = Fastify();
  t.teardown(() => app.close());
  const status = boundWork(app, { passwords: 1, work: { atOnce: 1, maxWaiting: 0, maxWaitMs: 0 } });
  app.get('/fails', async () => Promise.reject(new Error('no')));
  app.get('/works', async () => 'it works');
  // More than the system keeps for a client who reads nothing.
  app.get('/large', async (_request, reply) => reply.send(Buffer.alloc(64 * 1024 * 1024)));
  for (const [url, code] of Object.entries({ '/fails': 500, '/works': 200 })) {
    t.equal((await app.inject({ url })).statusCode, code, url);
  }
  t.equal((await app.inject({ url: '/works', method: 'HEAD' })).statusCode, 200, 'a HEAD takes one turn, not two');
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  const idler = connect(port, '127.0.0.1').pause();
  t.teardown(() => idler.destroy());
  idler.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idler, 'readable');
  t.equal((await app.inject({ url: '/works' })).statusCode, 200, 'an answer that nobody reads holds nobody up');
  t.match(status().work, { running: 0, turns: 5, refused: 0 });
});

t.test('who hung up while waiting is not worked for', async (t) => {
  const app = Fastify();
  t.teardown(() => app.close());
  const status = boundWork(app, { passwords: 1, work: { atOnce: 1, maxWaiting: 1, maxWaitMs: 60_000 } });
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const worked: string[] = [];
  app.get('/:name', async (request) => {
    worked.push(request.url);
    await held;
  });
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
  const first = app.inject({ url: '/first' });
  const connected = once(app.server, 'connection');
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /second HTTP/1.1\r\nHost: a\r\n\r\n');
  const [itsOtherEnd] = await connected;
  while (status().work.waiting === 0) await new Promise(setImmediate);
  socket.destroy();
  await once(itsOtherEnd, 'close');
  goOn();
  t.equal((await first).statusCode, 200);
  await app.inject({ url: '/third' });
  t.strictSame(worked, ['/first', '/third']);
  t.match(status().work, { running: 0, waiting: 0, refused: 1 });
});

t.test('passwords give way to everything else that has to be worked for', async (t) => {
  const { accounts } = await issuerWithClients(t);
  let others = 0;
  const giveWay = () => {
    others++;
    accounts.hasher.giveWay();
  };
  const issuer = await issuerWithClients(t, { overrides: { accounts: { hasher: { ...accounts.hasher, giveWay } } } });
  const { refresh_token: token } = await logIn(issuer);
  for (const url of [PATHS.jwks, PATHS.livez, PATHS.metrics]) await issuer.app.inject({ url });
  t.equal(others, 0, 'a login is no other request, and what is always answered costs next to nothing');
  t.equal((await refresh(issuer, token)).status, 200);
  t.equal(others, 2, 'when it came and when it was answered');
  t.equal((await issuer.app.inject({ url: PATHS.userinfo })).statusCode, 401);
  t.equal(others, 4, 'also where there is nothing to be had');
});
