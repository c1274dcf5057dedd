import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { EVENTS, type EventName, isEventName, membersOf } from '../../src/oauth/events.js';
import { fits, type LogLine } from '../event-lines.js';
import { type TestIssuer, temporaryFolder } from '../helper.js';
import { somePairs } from '../key-pairs.js';
import { issuerWithClients } from '../rfc/setup.js';
import { begin } from './beside.js';
import { type CommandInput, type CommandResult, emptyCommandLine, makeRing } from './harness.js';

const HASH = '$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

type Audited = {
  readonly issuer: TestIssuer;
  readonly keysDir: string;
  readonly file: string;
  mintd(args: string, input?: CommandInput): Promise<CommandResult>;
  /** The lines that came since this was asked before. */
  fresh(): readonly LogLine[];
};

/** Commands beside an issuer with the clients `app` and `service`, the user `ada` and a key ring. */
async function audited(t: Test, environment: Record<string, string> = {}): Promise<Audited> {
  const issuer = await issuerWithClients(t);
  issuer.clock.now = Date.now();
  const { mintd, keysDir } = emptyCommandLine(t);
  await makeRing(keysDir, 10);
  const file = join(temporaryFolder(t), 'audit.log');
  const settings = {
    DATABASE_URL: issuer.database.url,
    KEYS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    AUDIT_FILE: file,
    ...environment,
  };
  let seen = 0;
  return {
    issuer,
    keysDir,
    file,
    mintd: (args, input) => mintd(args, { ...input, environment: settings }),
    fresh() {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      if (text !== '' && !text.endsWith('\n')) throw new Error('the last line is not whole');
      const lines = text.split('\n').slice(seen, -1);
      seen += lines.length;
      return lines.map((line): LogLine => JSON.parse(line));
    },
  };
}

/** What a command writes down, besides who ran it; nothing where it changes nothing. */
type Row = readonly [args: string, lines: readonly LogLine[], code?: number];

async function runAll(t: Test, { mintd, fresh }: Audited, rows: readonly Row[]): Promise<readonly LogLine[]> {
  const all: LogLine[] = [];
  for (const [args, expected, code = 0] of rows) {
    const done = await mintd(args);
    const lines = fresh();
    t.equal(done.code, code, `${args}: ${done.err}`);
    t.equal(lines.length, expected.length, `${args}: lines`);
    t.match(lines, expected, args);
    for (const line of lines) {
      const { event, time, by, ...members } = line;
      const command = args.split(' ').slice(0, 2).join(' ');
      t.strictSame(by, { command, os_user: userInfo().username }, `${args}: by whom`);
      t.match(time, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const names = Object.keys(members);
      const isKnown = isEventName(event) && (['change', 'command'] as const).some((one) => fits(event, one, names, []));
      t.ok(isKnown, `${args}: ${event} with ${names.join(' ')}`);
    }
    all.push(...lines);
  }
  return all;
}

function peopleRows(folder: string, [one, two]: readonly string[]): readonly Row[] {
  const [good, bad] = [join(folder, 'good.csv'), join(folder, 'bad.csv')];
  writeFileSync(good, `username,password_hash\nbob,${HASH}\ncy,${HASH}\n`);
  writeFileSync(bad, `username,password_hash\ndan,${HASH}\nbad,x\n`);
  const id = { targetUserId: /^[\da-f-]{36}$/ };
  return [
    ['users add eve --role audit', [{ event: 'user_added', ...id, roles: ['audit'] }]],
    ['users roles eve', []],
    ['users roles eve --add staff', [{ event: 'user_changed', ...id, changed: ['roles'], roles: ['audit', 'staff'] }]],
    ['users roles eve --add staff', []],
    ['users set-password eve', [{ event: 'user_password_set', ...id }]],
    ['users disable eve', [{ event: 'user_changed', ...id, changed: ['disabled'], disabled: true }]],
    ['users disable eve', []],
    ['users enable eve', [{ event: 'user_changed', ...id, changed: ['disabled'], disabled: false }]],
    ['users list', []],
    ['users show eve', []],
    ['users remove eve --yes', [{ event: 'user_removed', ...id }]],
    ['users remove eve --yes', [], 1],
    [`users import ${good} --dry-run`, []],
    [`users import ${good}`, [{ event: 'users_imported', count: 2 }]],
    [`users import ${good} --skip-existing`, []],
    [`users import ${bad} --batch 1`, [{ event: 'users_imported', count: 1, reason: 'faulty_rows' }], 1],
    [`sessions revoke ${one}`, [{ event: 'login_ended', sid: one, ...id }]],
    [`sessions revoke ${one}`, []],
    [`sessions revoke ${two} --client app`, [], 2],
    ['sessions revoke --user ada --yes', [{ event: 'all_logins_ended', ...id }]],
    ['sessions revoke --client app --yes', [{ event: 'all_logins_ended', targetClientId: 'app' }]],
    ['sessions revoke --all --yes', [{ event: 'all_logins_ended' }]],
  ];
}

const OF_WORKER = { targetClientId: 'worker' };
const CLIENT_ROWS: readonly Row[] = [
  ['clients add worker --kind confidential --grant client_credentials', [{ event: 'client_added', ...OF_WORKER }]],
  ['clients add worker --kind public --grant password', [], 1],
  [
    'clients set worker --scope read --access-ttl 5m',
    [{ event: 'client_changed', ...OF_WORKER, changed: ['scopes', 'access_token_ttl_seconds'] }],
  ],
  ['clients set worker --scope read', []],
  [
    'clients rotate-secret worker --overlap 1h',
    [{ event: 'client_secret_rotated', ...OF_WORKER, overlapSeconds: 3600 }],
  ],
  ['clients disable worker', [{ event: 'client_changed', ...OF_WORKER, changed: ['disabled'], disabled: true }]],
  ['clients disable worker', []],
  ['clients enable worker', [{ event: 'client_changed', ...OF_WORKER, changed: ['disabled'], disabled: false }]],
  ['clients show worker', []],
  ['clients remove worker --yes', [{ event: 'client_removed', ...OF_WORKER }]],
];

function keyRows(foreign: string, standby: string, stranger: string): readonly Row[] {
  const kids = [/^[\w-]{43}$/];
  return [
    ['keys rotate --dry-run', []],
    ['keys rotate', [{ event: 'key_rotated', kid: standby, forced: false }]],
    ['keys rotate', [], 1],
    [`keys import ${foreign} --kid old --for 1h`, [{ event: 'key_imported', kid: 'old' }]],
    ['keys revoke old --yes', [{ event: 'key_revoked', kid: 'old' }]],
    ['keys revoke old --yes', [], 1],
    ['keys prune --yes', [{ event: 'keys_pruned', names: [stranger] }]],
    ['keys prune --yes', []],
    ['keys rewrap --yes', [{ event: 'keys_rewrapped', kids }]],
    ['keys copy --to database', [{ event: 'keys_copied', from: 'files', to: 'database', kids }]],
    ['keys list', []],
    ['keys export', []],
  ];
}

t.test('every command that changes something says so in AUDIT_FILE, once, and others say nothing', async (t) => {
  const here = await audited(t);
  const { issuer, keysDir, mintd, file } = here;
  const folder = temporaryFolder(t);
  const sids = [(await begin(issuer)).sid, (await begin(issuer)).sid];
  const foreign = join(folder, 'old.pem');
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(foreign, publicKey.export({ type: 'spki', format: 'pem' }));
  const [, , { key, privatePem }] = await somePairs();
  const stranger = join(keysDir, `${key.kid}.pem`);
  writeFileSync(stranger, privatePem, { mode: 0o600 });
  const standby = String(JSON.parse((await mintd('keys list --json')).out)[1].kid);
  const lines = [
    ...(await runAll(t, here, peopleRows(folder, sids))),
    ...(await runAll(t, here, CLIENT_ROWS)),
    ...(await runAll(t, here, keyRows(foreign, standby, stranger))),
  ];
  const written = new Set(lines.map(({ event }) => event));
  const known = (Object.keys(EVENTS) as EventName[]).filter(
    (event) => membersOf(event, 'change') !== null || membersOf(event, 'command') !== null,
  );
  t.strictSame(
    known.filter((event) => !written.has(event)),
    [],
    'every change there is',
  );
  t.equal(statSync(file).mode & 0o777, 0o600);
});

t.test('no password, secret, hash or name gets in', async (t) => {
  const { mintd, file } = await audited(t);
  const stdin = 'a password of my own\n';
  await mintd('users add zoe --email zoe@example.com --password-stdin', { stdin });
  const made = [
    await mintd('users set-password zoe --json'),
    await mintd('clients add worker --kind confidential --grant client_credentials --json'),
    await mintd('clients rotate-secret worker --json'),
  ].map(({ out }) => JSON.parse(out));
  const secrets = made.map(({ password, client_secret }) => String(password ?? client_secret));
  const text = readFileSync(file, 'utf8');
  t.equal(text.split('\n').length, 5);
  for (const secret of [...secrets, stdin.trim(), 'zoe', '$2b$']) t.notOk(text.includes(secret), secret);
});

t.test('a file that cannot be opened: nothing is done, and looking goes on', async (t) => {
  const gone = join(temporaryFolder(t), 'gone', 'audit.log');
  const { mintd } = await audited(t, { AUDIT_FILE: gone });
  t.strictSame(await mintd('users add eve'), {
    code: 1,
    out: '',
    err: `mintd: nothing was done: AUDIT_FILE names ${gone}, which cannot be opened (ENOENT)\n`,
  });
  t.match(await mintd('users show eve'), { code: 1, err: /there is no user/ });
  t.match(await mintd('users list'), { code: 0, err: '' });
  t.match(await mintd('clients remove app --yes --json'), { code: 1, out: '', err: /^\{"error":"nothing was done/ });
  t.match(await mintd('clients show app'), { code: 0 });
});

t.test('a file that takes no more: it is done, shown, and said to be missing there', async (t) => {
  if (!existsSync('/dev/full')) return t.comment('only where there is a /dev/full');
  const { mintd } = await audited(t, { AUDIT_FILE: '/dev/full' });
  t.match(await mintd('users add eve'), {
    code: 1,
    out: /^password \(shown once\): .+$/m,
    err: 'mintd: it was done, but could not be written down in AUDIT_FILE /dev/full (ENOSPC)\n',
  });
  t.match(await mintd('users show eve'), { code: 0 });
});

t.test('what the file has stays, and without AUDIT_FILE there is none', async (t) => {
  const { mintd, file, fresh } = await audited(t);
  appendFileSync(file, '{"event":"before"}\n', { mode: 0o640 });
  await mintd('users disable ada');
  t.match(fresh(), [{ event: 'before' }, { event: 'user_changed' }]);
  t.equal(statSync(file).mode & 0o777, 0o640, 'nor its mode: somebody may be meant to read it');
  const without = await audited(t, { AUDIT_FILE: '' });
  t.match(await without.mintd('users disable ada'), { code: 0, err: '' });
  t.strictSame(without.fresh(), []);
});
