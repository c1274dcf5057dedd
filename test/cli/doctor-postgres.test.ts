// `mintd doctor` on real PostgreSQL databases, and what it makes of settings no test can have.
import t, { type Test } from 'tap';
import { judgeCertificate } from '../../src/cli/doctor-issuer.js';
import { type Check, judgeClock } from '../../src/oauth/check.js';
import {
  judgeConnections,
  judgeDurability,
  judgeEncryption,
  judgeVersion,
  judgeWriting,
  type PostgresFacts,
} from '../../src/store/health-postgres.js';
import { judgeDisk } from '../../src/store/health-sqlite.js';
import { testDatabase } from '../databases.js';
import { freePort } from '../process/harness.js';
import { emptyCommandLine, makeRing } from './harness.js';

const NOT_DURABLE =
  'warning durability: fsync off, full_page_writes on, synchronous_commit on: a power cut can bring back refresh tokens that were used, or lose the database → `ALTER SYSTEM SET fsync = on`, then `SELECT pg_reload_conf()`';

/** What is not well with a database, and how long it took to find out. */
async function examine(t: Test, DATABASE_URL: string) {
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir);
  const startedAtMs = performance.now();
  const environment = { DATABASE_URL, ISSUER: `http://127.0.0.1:${await freePort()}` };
  const { code, out, err } = await mintd('doctor --json', { environment });
  const tookMs = performance.now() - startedAtMs;
  const checks: readonly Check[] = JSON.parse(out).checks;
  const complaints = checks
    .filter(({ status, name }) => status !== 'ok' && name !== 'issuer')
    .map(({ name, status, found, advice }) => `${status} ${name}: ${found} → ${advice}`);
  return { code, out, err, checks, complaints, tookMs };
}

t.test('PostgreSQL: what it says of itself; that of the tests loses what is not on the disk yet', async (t) => {
  const { url, prisma } = await testDatabase(t, 'postgres');
  const { host, pathname } = new URL(url);
  const { code, checks, complaints, out } = await examine(t, url);
  t.equal(code, 0);
  t.strictSame(complaints, [NOT_DURABLE]);
  t.notMatch(out, /mintd:mintd@/, 'no password');
  const found = Object.fromEntries(checks.map((check) => [check.name, check.found]));
  const [row] = await prisma.$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
  t.match(found, {
    database: `PostgreSQL, ${host}${pathname}, version ${row?.version}`,
    version: `PostgreSQL ${row?.version}`,
    writing: 'it takes writes',
    rights: 'mintd may read and write all 7 tables',
    connections: /^\d+ of \d+ in use; each server takes up to 10$/,
    encryption: 'not encrypted, and it does not leave this machine',
    clock: "within a second of the database's",
  });
});

t.test('PostgreSQL: a role that may only read, and a database that is read-only', async (t) => {
  const { url, prisma } = await testDatabase(t, 'postgres');
  const reader = `reader_${new URL(url).pathname.slice(-8)}`;
  await prisma.$executeRawUnsafe(`CREATE ROLE ${reader} LOGIN PASSWORD 'r'`);
  await prisma.$executeRawUnsafe(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${reader}`);
  t.teardown(async () => {
    await prisma.$executeRawUnsafe(`DROP OWNED BY ${reader}`);
    await prisma.$executeRawUnsafe(`DROP ROLE ${reader}`);
  });
  const asReader = new URL(url);
  [asReader.username, asReader.password] = [reader, 'r'];
  const { code, complaints } = await examine(t, asReader.href);
  t.equal(code, 1);
  t.match(complaints[0], new RegExp(`^failed rights: ${reader} lacks INSERT, UPDATE, DELETE on client_assertions; .*`));
  t.ok(complaints[0]?.endsWith(`login_failures, users TO "${reader}"\``));
  const grant = /`(GRANT .*)`/.exec(complaints[0] ?? '')?.[1] ?? '';
  await prisma.$executeRawUnsafe(grant);
  t.strictSame((await examine(t, asReader.href)).complaints, [NOT_DURABLE], 'the advice is the way out');

  await prisma.$executeRawUnsafe(`ALTER ROLE ${reader} SET default_transaction_read_only = on`);
  const readOnly = await examine(t, asReader.href);
  t.match(
    readOnly.complaints[0],
    /^failed writing: transactions are read-only → set default_transaction_read_only = off/,
  );
});

t.test('PostgreSQL: one that cannot be reached is found out in time, and nothing secret is said', async (t) => {
  const port = await freePort();
  const { url } = await testDatabase(t, 'postgres');
  const wrong = new URL(url);
  wrong.password = 'hunter22';
  const rows: readonly (readonly [url: string, expected: string])[] = [
    [
      `postgres://mintd:hunter22@127.0.0.1:${port}/x`,
      `failed database: PostgreSQL, 127.0.0.1:${port}/x: Can't reach database server at 127.0.0.1:${port} → correct DATABASE_URL, or start the database`,
    ],
    [
      wrong.href,
      `failed database: PostgreSQL, ${wrong.host}${wrong.pathname}: password authentication failed for user "mintd" → set the right user and password in DATABASE_URL`,
    ],
    [
      new URL('/nowhere', url).href,
      `failed database: PostgreSQL, ${wrong.host}/nowhere: database "nowhere" does not exist → make it: \`createdb\`, then \`mintd migrate\`; or correct DATABASE_URL`,
    ],
  ];
  for (const [given, expected] of rows) {
    const { code, complaints, out, err, tookMs } = await examine(t, given);
    t.equal(code, 1);
    t.strictSame(complaints, [expected]);
    t.notMatch(out + err, /hunter22/);
    t.ok(tookMs < 5_000, `${tookMs} ms`);
  }
});

const GOOD: PostgresFacts = {
  version: '18.4',
  version_number: 180004,
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  read_only: 'off',
  is_replica: false,
  most_connections: 100,
  kept_connections: 3,
  connections: 20,
  is_encrypted: true,
};

t.test('what is made of what was found', async (t) => {
  const far = 'postgres://app@db.example.com/mintd';
  const now = Date.parse('2026-11-22T12:00:00Z');
  const day = 86_400_000;
  const disk = { freeBytes: 4e9, fileBytes: 1e9, fileSystem: 0xef53 };
  const rows = [
    [judgeVersion(GOOD), 'ok', /18\.4/],
    [judgeVersion({ ...GOOD, version: '13.9', version_number: 130009 }), 'warning', /13\.9 gets no more/],
    [judgeWriting({ ...GOOD, is_replica: true, read_only: 'on' }), 'failed', /replica/],
    [judgeDurability(GOOD), 'ok', /fsync on/],
    [judgeDurability({ ...GOOD, synchronous_commit: 'remote_apply' }), 'ok', /remote_apply/],
    [judgeDurability({ ...GOOD, synchronous_commit: 'off' }), 'warning', /synchronous_commit off: a power cut/],
    [judgeDurability({ ...GOOD, full_page_writes: 'off' }), 'warning', /power cut/],
    [judgeConnections(GOOD), 'ok', /^20 of 97 in use/],
    [judgeConnections({ ...GOOD, connections: 87 }), 'ok', /^87/],
    [judgeConnections({ ...GOOD, connections: 88 }), 'warning', /and 9 are free/],
    [judgeEncryption(GOOD, far), 'ok', /is encrypted/],
    [judgeEncryption({ ...GOOD, is_encrypted: false }, far), 'warning', /to db\.example\.com is not encrypted/],
    [judgeEncryption({ ...GOOD, is_encrypted: null }, 'postgres://app@localhost/x'), 'ok', /does not leave/],
    [judgeClock(0.9, 60, 'that'), 'ok', /within a second of that/],
    [judgeClock(-1.1, 60, 'that'), 'warning', /1\.1 s behind that$/],
    [judgeClock(60.1, 60, 'that'), 'failed', /60\.1 s ahead of that, more than CLOCK_SKEW \(60 s\)/],
    [judgeClock(1.1, 0, 'that'), 'failed', /more than CLOCK_SKEW \(0 s\)/],
    [judgeDisk(disk), 'ok', /3 GiB free, the database has 954 MiB/],
    [judgeDisk({ ...disk, freeBytes: 1e9 }), 'warning', /no room for a backup/],
    [judgeDisk({ ...disk, freeBytes: 6e7, fileBytes: 0 }), 'failed', /soon nobody/],
    [judgeDisk({ ...disk, fileSystem: 0x6969 }), 'warning', /on NFS/],
    [judgeDisk({ ...disk, fileSystem: -11317950 }), 'warning', /on CIFS|on SMB/],
    [judgeCertificate({ fault: null, validUntil: now + 90 * day }, now), 'ok', /good for 90 days/],
    [
      judgeCertificate({ fault: null, validUntil: now + 13 * day }, now),
      'warning',
      /13 days, until 2026-12-05T12:00:00Z/,
    ],
    [judgeCertificate({ fault: 'CERT_HAS_EXPIRED', validUntil: now - 1 }, now), 'failed', /ran out at 2026-11-22T11/],
    [judgeCertificate({ fault: 'SELF_SIGNED_CERT_IN_CHAIN', validUntil: now + day }, now), 'failed', /SELF_SIGNED/],
  ] as const;
  for (const [{ status, found, advice }, expectedStatus, expected] of rows) {
    t.equal(status, expectedStatus, found);
    t.match(found, expected);
    t.equal(advice === undefined, status === 'ok', 'what is not well has a way out');
  }
});
