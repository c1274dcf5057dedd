// Whoever gets hold of the database or of all the logs of a full run finds no usable token and no secret in them.
import { existsSync, readFileSync } from 'node:fs';
import SqliteConnection from 'better-sqlite3';
import t, { type Test } from 'tap';
import { type Provider, sqliteFile } from '../../src/store/database.js';
import { faultsOfLine, type LogLine } from '../event-lines.js';
import { PROVIDERS } from '../helper.js';
import { connectPostgres } from '../store/support.js';
import { type Cluster, startCluster } from './cluster.js';
import { type Everything, prepareEverything } from './everything.js';
import { leaksIn, type Secret, secretBytes, secretsOfKeys, secretsOfRefreshToken, secretText } from './secrets.js';

/** Everything that a full run writes down about itself. */
const EVENTS = [
  'login refresh refresh_retry reuse client_token revoked introspected userinfo sessions_shown login_ended',
  'all_logins_ended logout refused http database_unavailable failure stopping stopped',
].flatMap((line) => line.split(' '));

/** The whole database, in every spelling a copy of it may have. */
async function dumpOf(t: Test, { database }: Cluster): Promise<string> {
  if (database.provider === 'postgres') return dumpOfPostgres(t, database.url);
  const path = sqliteFile(database.url);
  const files = ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix).filter((name) => existsSync(name));
  return files.map((name) => readFileSync(name, 'latin1')).join('\n');
}

/** Every row of every table, bytes in several spellings. */
async function dumpOfPostgres(t: Test, url: string): Promise<string> {
  const client = await connectPostgres(t, url);
  const { rows: tables } = await client.query(
    "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query(`SELECT *, t::text AS whole_row FROM ${name} t`);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      if (!Buffer.isBuffer(value)) texts.push(value instanceof Date ? value.toISOString() : String(value));
      else for (const how of ['hex', 'base64', 'base64url', 'latin1'] as const) texts.push(value.toString(how));
    }
  }
  await client.end();
  return texts.join('\n');
}

/** Runs work while the database refuses to write: first it keeps writers waiting, then each write is a fault. */
async function whileTroubled(t: Test, { database }: Cluster, work: () => Promise<unknown>): Promise<void> {
  if (database.provider === 'postgres') {
    const beside = await connectPostgres(t, database.url);
    await beside.query('BEGIN; LOCK TABLE families');
    await work();
    await beside.query('COMMIT');
    await beside.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'refused: %', NEW; END $$`);
    await beside.query(
      'CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON families FOR EACH ROW EXECUTE FUNCTION refuse()',
    );
    await work();
    await beside.query('DROP TRIGGER refuse ON families');
    return;
  }
  const beside = new SqliteConnection(sqliteFile(database.url));
  t.teardown(() => beside.close());
  beside.exec('BEGIN IMMEDIATE');
  await work();
  beside.exec('ROLLBACK');
  for (const what of ['INSERT', 'UPDATE']) {
    beside.exec(`CREATE TRIGGER refuse_${what} BEFORE ${what} ON families BEGIN SELECT RAISE(ABORT, 'refused'); END`);
  }
  await work();
  for (const what of ['INSERT', 'UPDATE']) beside.exec(`DROP TRIGGER refuse_${what}`);
}

async function run(t: Test, cluster: Cluster, everything: Everything): Promise<void> {
  await everything.chains();
  await everything.tokens();
  await everything.cookies();
  const before = [await everything.login(), await everything.login()];
  await whileTroubled(t, cluster, async () => {
    const [one, two] = before;
    await Promise.all([
      everything.login(),
      everything.refresh(one?.refresh ?? ''),
      everything.post('/revoke', { client_id: 'app', token: two?.refresh ?? '' }),
    ]);
  });
  await everything.misplaced();
}

function assertNoLeak(t: Test, text: string, secrets: readonly Secret[], where: string): void {
  t.strictSame(
    leaksIn(text, secrets),
    [],
    `none of ${secrets.length} secrets is in ${where} (${text.length} characters)`,
  );
}

async function fullRun(t: Test, provider: Provider): Promise<void> {
  const cluster = await startCluster(t, { provider, servers: 1, clients: [], env: { LOG_LEVEL: 'trace' } });
  const [server] = cluster.servers;
  if (server === undefined) throw new Error('no server');
  const everything = await prepareEverything(cluster, server.url);
  await run(t, cluster, everything);
  const running = await dumpOf(t, cluster);
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  const stopped = await dumpOf(t, cluster);
  const log = [...server.lines, server.stderr()].join('\n');

  const keys = secretsOfKeys(cluster.keysDir);
  const secrets = [...everything.secrets, ...keys];
  t.ok(everything.secrets.length > 80, 'many tokens were given out');
  t.ok(keys.length >= 14, 'the private keys were read');
  t.match(running, /mole@example\.com/, 'the database was read');
  const lines = server.lines.map((line): LogLine => JSON.parse(line));
  t.strictSame(lines.flatMap(faultsOfLine), [], 'each line is as src/oauth/events.ts has it');
  const events = new Set(lines.map(({ event }) => String(event)));
  t.strictSame(
    EVENTS.filter((event) => !events.has(event)),
    [],
    'everything happened that can happen',
  );
  t.comment(`${provider}: ${JSON.stringify(Object.fromEntries(everything.statuses))}, ${server.lines.length} lines`);
  assertNoLeak(t, running, secrets, 'the database of the running server');
  assertNoLeak(t, stopped, secrets, 'the database of the stopped server');
  assertNoLeak(t, log, secrets, 'the logs');
  t.notMatch(
    log,
    /authorization"|cookie"|user-agent"|postgres:\/\//i,
    'no header is logged, and not where the database is',
  );
  t.notMatch(log, /\?[a-z_%]+=/, 'no URL is logged');
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: neither the database nor the logs of a full run give anything away`, (t) =>
    fullRun(t, provider),
  );
}

t.test('the search finds a secret however it is written', async (t) => {
  const token = `mrt_${Buffer.from(Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % 256)).toString('base64url')}`;
  const bytes = Buffer.from(token.slice(4), 'base64url');
  const secrets = secretsOfRefreshToken('it', token);
  const encoded = Buffer.from(`username=mole&refresh_token=${token}&x=y`);
  for (const [how, text] of Object.entries({
    'as it is': `a ${token} b`,
    'in base64': encoded.toString('base64'),
    'in base64, a byte later': Buffer.concat([Buffer.from('x'), encoded]).toString('base64'),
    'in base64, two bytes later': Buffer.concat([Buffer.from('xy'), encoded]).toString('base64url'),
    'in hex': encoded.toString('hex'),
    'its bytes in hex': bytes.toString('hex').toUpperCase(),
    'its bytes': `x${bytes.toString('latin1')}y`,
    'its handle': JSON.stringify({ handle: new Uint8Array(bytes.subarray(0, 16)) }),
    'its secret': JSON.stringify({ secret: bytes.subarray(16, 44) }),
  })) {
    t.ok(leaksIn(text, secrets).length > 0, how);
  }
  t.strictSame(leaksIn('mrt_ and nothing more', secrets), []);
  const password = [secretText('it', 'p+ss "wörd"')];
  for (const text of [
    'password=p%2Bss+%22w%C3%B6rd%22',
    '{"password":"p+ss \\"wörd\\""}',
    'p%2Bss%20%22w%C3%B6rd%22',
  ]) {
    t.equal(leaksIn(text, password).length, 1, text);
  }
  t.equal(leaksIn(Buffer.from('xyz').toString('hex'), [secretBytes('it', Buffer.from('xyz'))]).length, 1);
});
