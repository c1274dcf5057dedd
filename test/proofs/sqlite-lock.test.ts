// Somebody else writes to the SQLite file and does not finish: a backup, a command at work on a million logins.
import SqliteConnection from 'better-sqlite3';
import t from 'tap';
import { sqliteFile } from '../../src/store/database.js';
import { commandLine } from '../cli/harness.js';
import { type Answer, postToken, serve } from '../process/harness.js';

const PASSWORD = 'correct horse battery';
const LOGINS = 20;
const WITHIN_MS = 3_000;

t.test('another writer holds the SQLite file: refreshes are 503 in time, everything else goes on', async (t) => {
  const { mintd, folder, databaseUrl, keysDir } = await commandLine(t);
  await mintd('clients add app --kind public --grant password --grant refresh_token --retry-window 1h');
  await mintd('users add ada --password-stdin', { stdin: PASSWORD });
  const env = { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, NODE_ENV: 'production', ISSUER: 'http://localhost' };
  const { url } = await serve(t, folder, env);
  const login = { grant_type: 'password', client_id: 'app', username: 'ada', password: PASSWORD };
  const tokens: string[] = [];
  // One after the other: all at once they would be too many for a busy machine, which is not what this is about.
  while (tokens.length < LOGINS) tokens.push(tokenIn(await postToken(url, login)));
  const refresh = (token: string) =>
    postToken(url, { grant_type: 'refresh_token', client_id: 'app', refresh_token: token });

  const writer = new SqliteConnection(sqliteFile(databaseUrl));
  t.teardown(() => writer.close());
  writer.exec('BEGIN IMMEDIATE');
  const began = performance.now();
  const refused = tokens.map(async (token) => ({ ...(await refresh(token)), after: performance.now() - began }));
  let isWaiting = true;
  const answered = Promise.all(refused).finally(() => {
    isWaiting = false;
  });
  let keysAnswered = 0;
  while (isWaiting) {
    await (await fetch(`${url}/.well-known/jwks.json`)).text();
    keysAnswered++;
  }
  const answers = await answered;
  t.comment(`slowest refusal ${Math.round(Math.max(...answers.map(({ after }) => after)))} ms`);
  t.ok(answers.every(({ status }) => status === 503));
  t.ok(answers.every(({ after }) => after < WITHIN_MS));
  t.ok(keysAnswered > 100, `the keys were answered ${keysAnswered} times meanwhile`);
  writer.exec('COMMIT');
  for (const token of tokens) t.equal((await refresh(token)).status, 200, 'nothing was lost');
});

function tokenIn({ status, body }: Answer): string {
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
  return String(body['refresh_token']);
}
