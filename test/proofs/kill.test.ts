import t, { type Test } from 'tap';
import { commandLine } from '../cli/harness.js';
import { type Answer, postToken, serve } from '../process/harness.js';

const ROUNDS = 5;
const PASSWORD = 'correct horse battery';
/** What `busy` families have had answered together before the server is killed. */
const REFRESHES_BEFORE_KILL = 40;

/** One login and every refresh token that was answered for it, in order: what an honest client has written down. */
type Journal = { readonly clientId: string; readonly answered: string[] };

/**
 * `patient` may retry a lost answer for an hour: its requests are in flight when the server dies. `strict` may retry
 * nothing: its last answer had arrived, so its newest token is the one that works, and no other.
 */
type Round = { readonly url: string; readonly busy: Journal[]; readonly robbed: Journal[]; readonly strict: Journal[] };

async function login(url: string, clientId: string): Promise<Journal> {
  const parameters = { grant_type: 'password', client_id: clientId, username: 'ada', password: PASSWORD };
  return { clientId, answered: [tokenIn(await postToken(url, parameters))] };
}

function present(url: string, clientId: string, token: string): Promise<Answer> {
  return postToken(url, { grant_type: 'refresh_token', client_id: clientId, refresh_token: token });
}

function tokenIn({ status, body }: Answer): string {
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return String(body['refresh_token']);
}

/** The nth newest token of a journal; 0 is the last that was answered. */
function nth(journal: Journal, n: number): string {
  const token = journal.answered.at(-1 - n);
  if (token === undefined) throw new Error('the journal is too short');
  return token;
}

async function refresh(url: string, journal: Journal): Promise<void> {
  journal.answered.push(tokenIn(await present(url, journal.clientId, nth(journal, 0))));
}

/** Refreshes until the connection breaks. An answer that is not a token is a failure of the test. */
async function refreshUntilKilled(t: Test, url: string, journal: Journal, onAnswer: () => void): Promise<void> {
  for (;;) {
    const answer = await present(url, journal.clientId, nth(journal, 0)).catch(() => null);
    if (answer === null) return;
    if (answer.status !== 200) {
      t.fail(`${answer.status} ${JSON.stringify(answer.body)}`);
      return;
    }
    journal.answered.push(tokenIn(answer));
    onAnswer();
  }
}

/** All families refresh at once; in the middle of it `kill` is called. */
async function work(t: Test, { url, busy, robbed, strict }: Round, kill: () => void): Promise<void> {
  for (const journal of strict) {
    for (let i = 0; i < 3; i++) await refresh(url, journal);
  }
  let answers = 0;
  const count = () => {
    answers++;
    const longEnough = robbed.every(({ answered }) => answered.length > 3);
    if (answers >= REFRESHES_BEFORE_KILL && longEnough) kill();
  };
  await Promise.all([...busy, ...robbed].map((journal) => refreshUntilKilled(t, url, journal, count)));
}

/** What must hold after the restart. */
async function check(t: Test, url: string, { busy, robbed, strict }: Round): Promise<void> {
  for (const journal of busy) {
    const answer = await present(url, journal.clientId, nth(journal, 0));
    t.equal(answer.status, 200, 'the last answered token works');
    journal.answered.push(tokenIn(answer));
  }
  for (const journal of robbed) {
    const old = await present(url, journal.clientId, nth(journal, 2));
    t.match(old, { status: 400, body: { error: 'invalid_grant' } }, 'a token from before the last two does not');
    const last = await present(url, journal.clientId, nth(journal, 0));
    t.match(last, { status: 400, body: { error: 'invalid_grant' } }, 'and whoever tried ended the family');
  }
  const [kept, ...others] = strict;
  if (kept === undefined) throw new Error('no strict family');
  await refresh(url, kept);
  t.equal(kept.answered.length, 5, 'without any retry, the newest token is the one that works');
  for (const [i, journal] of others.entries()) {
    const old = await present(url, journal.clientId, nth(journal, i + 1));
    t.match(old, { status: 400, body: { error: 'invalid_grant' } }, 'and none before it');
  }
}

t.test(`kill -9 in the middle of refreshing, ${ROUNDS} times over`, async (t) => {
  const { mintd, folder, databaseUrl, keysDir } = await commandLine(t);
  for (const [id, window] of [
    ['patient', '1h'],
    ['strict', '0'],
  ]) {
    const args = `clients add ${id} --kind public --grant password --grant refresh_token --retry-window ${window}`;
    t.equal((await mintd(args)).code, 0);
  }
  t.equal((await mintd('users add ada --password-stdin', { stdin: PASSWORD })).code, 0);
  const env = { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, NODE_ENV: 'production', ISSUER: 'http://localhost' };

  const logins = (url: string, clientId: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => login(url, clientId)));
  let server = await serve(t, folder, env);
  const busy = await logins(server.url, 'patient', 3);
  for (let i = 0; i < ROUNDS; i++) {
    const { url, stop } = server;
    const fresh = { robbed: await logins(url, 'patient', 2), strict: await logins(url, 'strict', 3) };
    const untouched = await login(url, 'strict');
    const round = { url, busy, ...fresh };
    await work(t, round, () => void stop('SIGKILL'));
    t.strictSame(await server.exit, { code: null, signal: 'SIGKILL' });
    server = await serve(t, folder, env);
    await check(t, server.url, round);
    await refresh(server.url, untouched);
    t.equal(untouched.answered.length, 2, 'a login that was answered is there');
  }
  t.ok(
    busy.every(({ answered }) => answered.length > ROUNDS),
    'the same logins went on through all of it',
  );
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
});
