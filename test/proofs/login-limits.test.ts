import t, { type Test } from 'tap';
import { aClient } from '../helper.js';
import { type Cluster, logIn, loginRequest, startCluster, troubleOf } from './cluster.js';
import { SOAK } from './soak.js';
import { prepare, sendAgain, type WireReply } from './wire.js';

const GUESSES = 200;
/** LOGIN_ACCOUNT_LIMIT, as it is without a setting. */
const LIMIT = 10;

/** Sends all guesses at the same moment, spread over the servers. */
async function guessAtOnce({ urls }: Cluster, username: string): Promise<WireReply[]> {
  const guesses = Array.from({ length: GUESSES }, (_, i) => {
    const request = loginRequest(username, 'app', { password: `guess ${i}` });
    return prepare(urls[i % urls.length] ?? '', request);
  });
  return Promise.all((await Promise.all(guesses)).map((open) => open()));
}

/** Guesses on, one after the other, each on the next server, until no more are let through. */
async function guessOn({ urls }: Cluster, username: string): Promise<void> {
  for (let status = 0, i = 0; status !== 429; i++) {
    if (i > 2 * LIMIT) throw new Error('guesses are let through for ever');
    const request = loginRequest(username, 'app', { password: `another guess ${i}` });
    status = (await sendAgain(urls[i % urls.length] ?? '', request)).status;
  }
}

async function storm(t: Test, cluster: Cluster, username: string): Promise<void> {
  const { database, urls } = cluster;
  await cluster.addUser(username);
  const replies = await guessAtOnce(cluster, username);
  const withStatus = (status: number) => replies.filter((reply) => reply.status === status);
  const guessed = withStatus(400);
  t.ok(guessed.length >= 1 && guessed.length <= LIMIT, `${guessed.length} guesses were let through`);
  t.ok(guessed.every(({ body }) => body['error'] === 'invalid_grant'));
  const later = [...withStatus(429), ...withStatus(503)];
  t.equal(guessed.length + later.length, GUESSES, 'all others are for later');
  t.ok(later.every(({ headers }) => /^[1-9]\d*$/.test(headers.get('retry-after') ?? '')));
  const [row, ...others] = await database.prisma.loginFailures.findMany();
  // One that the database had no time for, after it was counted, is answered with 503.
  const counted = row?.failures ?? 0;
  t.ok(counted >= guessed.length && counted <= LIMIT, `${counted} were counted`);
  t.equal(others.length, 0);
  // A machine that is too slow to hash so many in the time they may wait has some left.
  await guessOn(cluster, username);
  t.match(await database.prisma.loginFailures.findMany(), [{ failures: LIMIT }], 'so many are let through in all');

  // An hour, so that no slow machine makes the wait run out meanwhile.
  await database.prisma.loginFailures.updateMany({ data: { blockedUntil: new Date(Date.now() + 3_600_000) } });
  for (const url of urls) {
    const { status, headers } = await sendAgain(url, loginRequest(username));
    t.equal(status, 429, 'the right password has to wait as well, on each server');
    t.ok(Number(headers.get('retry-after')) > 3_000, 'for as long as it says');
  }
  await database.prisma.loginFailures.updateMany({ data: { blockedUntil: new Date() } });
  await logIn(urls[1] ?? '', username);
  t.equal(await database.prisma.loginFailures.count(), 0, 'when the wait is over it works, and clears the counter');
}

t.test(`two servers on postgres: ${GUESSES} guesses at one account at the same moment`, async (t) => {
  const env = { LOGIN_ACCOUNT_LIMIT: '10', LOGIN_ADDRESS_LIMIT: 'off' };
  const cluster = await startCluster(t, { provider: 'postgres', servers: 2, clients: [aClient()], env });
  for (let round = 0; round < SOAK; round++) await storm(t, cluster, `ada${round}`);
  for (const server of cluster.servers) t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  const isBug = (line: string) => !line.includes('database_unavailable');
  t.strictSame(troubleOf(cluster.servers).filter(isBug), [], 'no server had trouble but too much to do');
});
