// docs/operations/backup.md, on servers that run: a backup is taken under use, more happens, everything is lost, and the
// backup is put back.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import t, { type Test } from 'tap';
import { type Provider, sqliteFile } from '../../src/store/database.js';
import { commandBlocks } from '../documents.js';
import { aClient, emptyDatabaseUrl, temporaryFolder } from '../helper.js';
import { type Chain, logIn, loginRequest, nth, refresh, refreshRequest, startCluster, troubleOf } from './cluster.js';
import { copyPostgres } from './restore-postgres.js';
import { LONGER_RUN_ONLY } from './soak.js';
import { send } from './wire.js';

type Place = { readonly provider: Provider; readonly keyStore: 'files' | 'database' };

const BACKUP = readFileSync('docs/operations/backup.md', 'utf8');

/** Where this test has what the document calls `data/mintd.db`, `keys` and `backup`. */
type Names = Readonly<Record<string, string>>;

/** Runs a command of the document on the places of this test. */
function asDocumented(pattern: RegExp, names: Names): void {
  const command = commandBlocks(BACKUP).find((line) => pattern.test(line));
  if (command === undefined) throw new Error(`backup.md has no command like ${pattern}`);
  const named = command.replace(/(?<![\w/.])(data\/mintd\.db|backup|keys)(?!\w)/g, (name) => names[name] ?? name);
  execFileSync('sh', ['-ec', named]);
}

async function prove(t: Test, { provider, keyStore }: Place): Promise<void> {
  const secret = { KEY_STORE: keyStore, KEYS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') };
  const cluster = await startCluster(t, { provider, servers: 1, clients: [aClient()], env: secret });
  const { database, keysDir, urls, servers } = cluster;
  const [url = ''] = urls;
  await cluster.addUser('ada');
  const [quiet, busy, ended] = [await logIn(url, 'ada'), await logIn(url, 'ada'), await logIn(url, 'ada')];

  const use = { goesOn: true };
  const inUse = (async () => {
    for (const chain = await logIn(url, 'ada'); use.goesOn; ) await refresh(url, chain);
  })();
  const names = { 'data/mintd.db': sqliteFile(database.url), backup: temporaryFolder(t), keys: keysDir };
  const dump = provider === 'postgres' ? await copyPostgres(database.url) : null;
  if (provider === 'sqlite') asDocumented(/VACUUM INTO \?/, names);
  if (keyStore === 'files') asDocumented(/ring\.json/, names);
  use.goesOn = false;
  await inUse;

  const environment = { DATABASE_URL: database.url, KEYS_DIR: keysDir, ...secret };
  await cluster.mintd('keys rotate --force', '', environment);
  await servers[0]?.waitFor(/key_ring_reloaded/);
  await refresh(url, busy);
  await send(url, { path: '/revoke', form: { client_id: 'app', token: nth(ended) } });
  await cluster.addUser('bob');
  const begunLater = await logIn(url, 'bob');
  t.equal((await bearer(url, begunLater)).status, 200);

  await servers[0]?.stop('SIGKILL');
  let restored = database.url;
  if (provider === 'sqlite') asDocumented(/cp .*mintd\.db/, names);
  else restored = (await dump?.restore(await emptyDatabaseUrl(t, 'postgres'))) ?? '';
  if (keyStore === 'files') {
    rmSync(keysDir, { recursive: true });
    asDocumented(/cp -p backup\/keys/, names);
  }

  const server = await cluster.launch({ DATABASE_URL: restored });
  const again = { ...environment, DATABASE_URL: restored, ISSUER: server.url };
  t.match(await cluster.mintd('doctor', '', { ...again, ISSUER: 'http://localhost:1' }), /key ring +ok/);
  await judge(t, server.url, { quiet, busy, ended, begunLater }, () =>
    cluster.mintd('sessions revoke --all --yes', '', again),
  );
  t.strictSame(troubleOf([server]), [], 'nothing the server calls a fault');
}

type Logins = { readonly quiet: Chain; readonly busy: Chain; readonly ended: Chain; readonly begunLater: Chain };

/** What is promised of each login, and that nothing is answered otherwise. */
async function judge(t: Test, url: string, logins: Logins, endAll: () => Promise<unknown>): Promise<void> {
  const { quiet, busy, ended, begunLater } = logins;
  const over = { status: 400, body: { error: 'invalid_grant' } };
  const outcome = async (chain: Chain) => send(url, refreshRequest(nth(chain)));
  await t.resolves(refresh(url, quiet), 'a login as the backup has it goes on');
  t.match(await outcome(busy), over, 'a refresh token newer than the backup is refused');
  t.match(await outcome(begunLater), over, 'a login begun since is not known');
  t.match(await bearer(url, begunLater), { status: 401, body: { error: 'invalid_token' } }, 'a key the ring lacks');
  t.match(await send(url, loginRequest('bob')), over, 'a user made since is not there');
  await t.resolves(refresh(url, ended), 'a login ended since lives again, until');
  await endAll();
  for (const chain of [quiet, ended]) t.match(await outcome(chain), over, 'all were ended');
  await t.resolves(logIn(url, 'ada'), 'people log in again');
}

function bearer(url: string, { accessToken }: Chain) {
  return send(url, { method: 'GET', path: '/userinfo', headers: { authorization: `Bearer ${accessToken}` } });
}

const PLACES: readonly (readonly [Place, object])[] = [
  [{ provider: 'sqlite', keyStore: 'files' }, {}],
  [{ provider: 'postgres', keyStore: 'database' }, {}],
  [{ provider: 'sqlite', keyStore: 'database' }, LONGER_RUN_ONLY],
  [{ provider: 'postgres', keyStore: 'files' }, LONGER_RUN_ONLY],
];
for (const [place, options] of PLACES) {
  t.test(`an older backup is put back: ${place.provider}, ring in ${place.keyStore}`, options, (t) => prove(t, place));
}
