// `mintd doctor` on installations that are well, and on broken ones: real databases, real files, real HTTP.
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { publicKeys } from '../../src/keys/jwks.js';
import type { Check } from '../../src/oauth/check.js';
import { metadata } from '../../src/oauth/metadata.js';
import { openInstallation } from '../../src/store/installation.js';
import { knownMigrations } from '../../src/store/migrate.js';
import { filesIn } from '../keys/support.js';
import { listenOnFreePort } from '../ports.js';
import { freePort } from '../process/harness.js';
import { type CommandInput, type CommandLine, commandLine, emptyCommandLine, makeNewer, makeRing } from './harness.js';

/** Nobody listens there. */
const SILENT = `http://127.0.0.1:${await freePort()}`;

type Examined = { readonly code: number; readonly checks: readonly Check[]; readonly err: string };

/** What the doctor found. */
async function examine(line: Pick<CommandLine, 'mintd'>, environment = {}): Promise<Examined> {
  const input: CommandInput = { environment: { ISSUER: SILENT, ...environment } };
  const { code, out, err } = await line.mintd('doctor --json', input);
  return { code, err, checks: JSON.parse(out).checks };
}

/** The findings that are not well, as lines. */
function complaints({ checks }: Examined): readonly string[] {
  return checks
    .filter(({ status }) => status !== 'ok')
    .map(({ name, status, found, advice }) => `${status} ${name}: ${found} → ${advice}`);
}

const NOBODY = `warning issuer: nobody answers at ${SILENT}: ECONNREFUSED → start the server with \`mintd serve\`; if it runs, look at DNS, firewall and proxy`;

/** A migrated database with its ring, as after a first start. */
async function installation(t: Test): Promise<CommandLine> {
  const line = await commandLine(t);
  chmodSync(line.folder, 0o700);
  await makeRing(line.keysDir);
  await line.withDatabase((database) => openInstallation(database).rememberKeyRing(Date.now()));
  return line;
}

/** Says what a server would say at the address it listens on; returns that. */
async function publicSide(t: Test, keysDir: string, change: PublicSide = {}): Promise<string> {
  const ring = await filesIn(keysDir).read();
  const server = createServer((request, response) => {
    const isJwks = request.url === '/.well-known/jwks.json';
    const keys = publicKeys(ring, Date.now()).slice(change.withoutKeys ?? 0);
    response.writeHead(change.status ?? 200, { 'cache-control': change.caching ?? 'public, max-age=300' });
    response.end(JSON.stringify(isJwks ? { keys } : metadata(change.issuer ?? issuer)));
  });
  const issuer = `http://127.0.0.1:${await listenOnFreePort(server)}`;
  t.teardown(() => server.close());
  return issuer;
}

type PublicSide = { issuer?: string; withoutKeys?: number; caching?: string; status?: number };

/** Every file of an installation, with what is in it. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name), 'latin1')]));
}

t.test('all is well: exit code 0, a line for each check, and nothing is written', async (t) => {
  const line = await installation(t);
  const ISSUER = await publicSide(t, line.keysDir);
  const before = contents(line.folder);
  const { code, out, err } = await line.mintd('doctor', { environment: { ISSUER } });
  t.strictSame({ code, err }, { code: 0, err: '' });
  const [active, standby] = publicKeys(await filesIn(line.keysDir).read(), Date.now()).map(({ kid }) => kid);
  const migrations = await knownMigrations('sqlite');
  const rows = out
    .replace(/\d+ (MiB|GiB)/g, 'N $1')
    .replace(/next at \S+Z/, 'next at TIME')
    .split('\n')
    .map((row) => row.replace(/ {2,}/g, ' | '));
  t.strictSame(rows, [
    'CHECK | STATUS | FOUND',
    `configuration | ok | development; ${ISSUER}; SQLite, ${line.folder}/mintd.db; keys in files`,
    `database | ok | SQLite, ${line.folder}/mintd.db`,
    `schema | ok | current: ${migrations.length} migrations, the last ${migrations.at(-1)}`,
    'durability | ok | journal_mode wal, synchronous FULL, foreign keys on',
    'integrity | ok | the file is sound, and no row points at nothing',
    'files | ok | only their owner can enter the folder',
    rows[7],
    'lock | ok | no server of this machine has it open',
    'clock | ok | nothing in the database lies in the future',
    `key ring | ok | ${line.keysDir}: ${active} signs, ${standby} stands by; every private half is there and signs`,
    'key rotation | ok | the next at TIME',
    'key timings | ok | the ring counts with these settings',
    'key leftovers | ok | none',
    `issuer | ok | ${ISSUER} answers, and calls itself so`,
    'issuer keys | ok | the JWKS has the 2 keys of the ring',
    'issuer caching | ok | the JWKS may be kept for 300 s',
    '',
    'all is well',
    '',
  ]);
  t.match(rows[7], /^disk \| ok \| N [GM]iB free, the database has N MiB$/);
  t.strictSame(contents(line.folder), before, 'no file has changed, none is new');
});

t.test('no server: a warning, and exit code 0', async (t) => {
  const found = await examine(await installation(t));
  t.strictSame(complaints(found), [NOBODY]);
  t.strictSame({ code: found.code, err: found.err }, { code: 0, err: '' });
});

t.test('a failure: exit code 1, and how many on stderr', async (t) => {
  const line = await installation(t);
  rmSync(join(line.keysDir, 'ring.json'));
  const found = await examine(line);
  t.strictSame({ code: found.code, err: found.err }, { code: 1, err: '{"error":"one check failed"}\n' });
  t.strictSame(complaints(found), [
    `failed key ring: there is no key ring in ${line.keysDir} → restore it from a backup, or point KEYS_DIR at it`,
    NOBODY,
  ]);
  t.match(await line.mintd('doctor', { environment: { ISSUER: SILENT } }), {
    code: 1,
    err: 'mintd: one check failed\n',
    out: /\n\n1 failed, 1 to be thought about\n$/,
  });
  t.match(await line.mintd('doctor --nonsense'), { code: 2, out: '' });
});

t.test('a configuration with faults: all of them, no secret, and nothing else is looked at', async (t) => {
  const line = emptyCommandLine(t);
  const environment = {
    PORT: 'x',
    DATABASE_URL: 'mysql://app:hunter22@db/x',
    KEY_STORE: 'database',
    BCRYPT_COST: '99',
  };
  const found = await examine(line, environment);
  t.equal(found.code, 1);
  t.equal(complaints(found).length, 1);
  const [complaint = ''] = complaints(found);
  t.match(complaint, /^failed configuration: .* → correct the environment or \.env \(docs\/configuration\.md\)/);
  for (const fault of ['PORT must be', 'DATABASE_URL must be', 'BCRYPT_COST must be']) t.ok(complaint.includes(fault));
  t.notMatch(complaint, /hunter22/);
});

t.test('production with an ISSUER only this machine can reach', async (t) => {
  const found = await examine(await installation(t), { NODE_ENV: 'production' });
  t.equal(found.code, 0);
  t.match(complaints(found)[0], /^warning configuration: production; .*in production, yet only this machine .*https/);
});

t.test('SQLite: what is wrong with the file, and the way out', async (t) => {
  const line = await installation(t);
  const path = join(line.folder, 'mintd.db');

  await line.withDatabase(makeNewer);
  t.match(complaints(await examine(line))[0], /^failed schema: the database was made by a newer mintd .* → run that/);
  await line.withDatabase(({ prisma }) => prisma.$executeRaw`DELETE FROM _prisma_migrations WHERE id = 'newer'`);

  const last = (await knownMigrations('sqlite')).at(-1);
  await line.withDatabase(
    ({ prisma }) => prisma.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = ${last}`,
  );
  t.equal(
    complaints(await examine(line))[0],
    `failed schema: the migration ${last} was begun and not finished → run \`mintd migrate --retry\``,
  );
  t.match(await line.mintd('migrate --retry'), { code: 0 }, 'which is what helps');
  t.strictSame(complaints(await examine(line)), [NOBODY]);

  chmodSync(line.folder, 0o755);
  chmodSync(path, 0o644);
  t.equal(
    complaints(await examine(line))[0],
    `warning files: others on this machine can read password hashes in ${path} (mode 644) → \`chmod 600 ${path}*\``,
  );
  chmodSync(path, 0o600);

  const tomorrow = new Date(Date.now() + 86_400_000);
  await line.withDatabase(
    ({ prisma }) => prisma.$executeRaw`INSERT INTO users (id, username, username_key, password_hash, roles, created_at)
      VALUES ('a', 'a', 'a', 'x', '', ${tomorrow})`,
  );
  t.match(
    complaints(await examine(line))[0],
    /^failed clock: this machine's clock is 86\d{3}\.\d s behind the newest time in the database, more than CLOCK_SKEW \(60 s\) → .*timedatectl/,
  );
  await line.withDatabase(({ prisma }) => prisma.$executeRaw`DELETE FROM users`);

  const bytes = readFileSync(path);
  writeFileSync(path, Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0x5a)]));
  const damaged = await examine(line);
  t.equal(damaged.code, 1);
  t.match(complaints(damaged).join('\n'), /damaged|malformed/);
  t.match(complaints(damaged).join('\n'), /docs\/operations\/backup\.md/);
  writeFileSync(path, 'not a database, long enough to be looked at as one'.repeat(20));
  t.match(complaints(await examine(line))[0], /^failed database: SQLite, .*file is not a database → restore it from/);
});

t.test('a database that is not migrated, and one that is not there', async (t) => {
  const line = emptyCommandLine(t);
  t.equal(
    complaints(await examine(line))[0],
    `failed database: SQLite, ${line.folder}/mintd.db: there is no database at ${line.folder}/mintd.db → make it with \`mintd migrate\`, or restore it from a backup`,
  );
  t.strictSame(readdirSync(line.folder), [], 'and none is made');
  await line.mintd('migrate');
  await line.withDatabase(({ prisma }) => prisma.$executeRaw`DELETE FROM _prisma_migrations`);
  t.match(
    complaints(await examine(line))[0],
    /^failed schema: the database lacks \d+ migration\(s\), first \d+_init → run `mintd migrate`$/,
  );
});

t.test('the key ring: what is wrong with it, and the way out', async (t) => {
  const line = await installation(t);
  const ring = await filesIn(line.keysDir).read();
  const [active, standby] = publicKeys(ring, Date.now()).map(({ kid }) => kid);
  const pem = join(line.keysDir, `${active}.pem`);
  const told = async (environment = {}) => complaints(await examine(line, environment)).filter((one) => one !== NOBODY);

  chmodSync(pem, 0o644);
  t.strictSame(await told(), [`failed key ring: ${pem}: others can read it (mode 644) → \`chmod 600 ${pem}\``]);
  chmodSync(pem, 0o600);

  const other = join(line.keysDir, `${standby}.pem`);
  const text = readFileSync(other, 'utf8');
  rmSync(other);
  t.strictSame(await told(), [
    `failed key ring: ${other}: it is missing → restore it from a backup, or give the key up with \`mintd keys revoke ${standby}\``,
  ]);
  writeFileSync(other, text, { mode: 0o600 });

  writeFileSync(join(line.keysDir, 'old.pem'), 'x', { mode: 0o600 });
  t.match(await told(), [
    /^warning key leftovers: these belong to no key of the ring: .*old\.pem → `mintd keys prune`/,
  ]);
  rmSync(join(line.keysDir, 'old.pem'));

  t.strictSame(await told({ JWKS_MAX_AGE: '10m' }), [
    'warning key timings: the ring counts with JWKS_MAX_AGE=5m, this configuration says JWKS_MAX_AGE=10m → give all servers and commands the same settings; a server that starts brings its own into force',
  ]);

  rmSync(line.keysDir, { recursive: true });
  await makeRing(line.keysDir, 40 * 86_400);
  t.match(await told(), [/^warning key rotation: one was due at \S+Z → start a server, or `mintd keys rotate`$/]);
  rmSync(line.keysDir, { recursive: true });
  await makeRing(line.keysDir, -7200);
  t.match(await told(), [/^failed key rotation: the ring was changed at \S+Z, which is in the future/]);
});

t.test('the public side: what verifiers would stumble over', async (t) => {
  const line = await installation(t);
  const rows: readonly (readonly [PublicSide, RegExp | string])[] = [
    [{ issuer: 'https://other.example' }, /^failed issuer: at \S+ answers "https:\/\/other.example": verifiers refuse/],
    [{ status: 502 }, /^failed issuer: \S+\/.well-known\/oauth-authorization-server answers 502 → let the proxy pass/],
    [
      { withoutKeys: 1 },
      /^warning issuer keys: the JWKS lacks \S{43}; the ring has just changed → look again in 305 s$/,
    ],
    [
      { caching: 'public, max-age=86400' },
      /^failed issuer caching: the JWKS may be kept for 86400 s, and keys count on 300 s/,
    ],
    [{ caching: 'no-store' }, /^warning issuer caching: a proxy changed Cache-Control of the JWKS to "no-store"/],
  ];
  for (const [change, expected] of rows) {
    const ISSUER = await publicSide(t, line.keysDir, change);
    t.match(complaints(await examine(line, { ISSUER }))[0], expected, JSON.stringify(change));
  }
  rmSync(line.keysDir, { recursive: true });
  await makeRing(line.keysDir, 86_400);
  const ISSUER = await publicSide(t, line.keysDir, { withoutKeys: 1 });
  t.match(complaints(await examine(line, { ISSUER })), [
    /^failed issuer keys: the JWKS lacks \S{43}: the server goes by/,
  ]);
});
