import { randomUUID } from 'node:crypto';
import { compareSync } from 'bcrypt';
import t from 'tap';
import type { User } from '../../src/store/users.js';
import { openUsers } from '../../src/store/users.js';
import { START } from '../helper.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

const PASSWORD = 'correct horse battery';

/** A row as it is in the database. */
async function userNamed({ withDatabase }: CommandLine, name: string): Promise<User> {
  const user = (await withDatabase((database) => openUsers(database).list())).find(({ username }) => username === name);
  if (user === undefined) throw new Error(`there is no user ${name}`);
  return user;
}

async function userNames({ withDatabase }: CommandLine): Promise<readonly string[]> {
  return (await withDatabase((database) => openUsers(database).list())).map(({ username }) => username);
}

/** A user who is just there: nothing here depends on the password, and hashing one takes its time. */
async function there({ withDatabase }: CommandLine, username: string, email?: string, ...roles: string[]) {
  const name = (text: string) => ({ display: text, key: text.toLowerCase() });
  const user = { id: randomUUID(), username: name(username), email: email === undefined ? null : name(email), roles };
  await withDatabase((database) => openUsers(database).add({ ...user, passwordHash: '$2b$10$', createdAt: START }));
}

t.test('users add NAME makes a password and prints it once', async (t) => {
  const cli = await commandLine(t);
  const { code, out, err } = await cli.mintd('users add ada');
  t.strictSame({ code, err }, { code: 0, err: '' });
  const [, id, password = ''] =
    /^made the user ada \(([0-9a-f-]{36})\)\npassword \(shown once\): (\S{20,})\n$/.exec(out) ?? [];
  const row = await userNamed(cli, 'ada');
  t.equal(row.id, id);
  t.ok(compareSync(password, row.passwordHash), 'it is the password');
  t.match(row.passwordHash, /^\$2b\$10\$/, 'hashed with BCRYPT_COST');
  t.notMatch((await cli.mintd('users list')).out, password, 'and is not shown again');
  t.strictSame(cli.questions, [], 'without a terminal nobody is asked');
});

t.test('users add --json prints what was made', async (t) => {
  const cli = await commandLine(t);
  const made = await cli.json('users add Ada --email Ada@Example.com --role admin --role audit --role admin');
  t.match(made, {
    id: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    username: 'Ada',
    email: 'Ada@Example.com',
    roles: ['admin', 'audit'],
    created_at: RFC3339,
    disabled_at: null,
    password: /^\S{20,}$/,
  });
  t.strictSame(made['roles'], ['admin', 'audit'], 'a role given twice is one role');
  t.ok(compareSync(String(made['password']), (await userNamed(cli, 'Ada')).passwordHash));
});

t.test('users add --password-stdin reads the password, the last newline aside', async (t) => {
  for (const [stdin, password] of [
    [`  ${PASSWORD} \n\r\n`, `  ${PASSWORD} \n`],
    [`${'ä'.repeat(35)}ö`, `${'ä'.repeat(35)}ö`],
  ] as const) {
    const cli = await commandLine(t);
    const made = await cli.json('users add ada --password-stdin', { stdin });
    t.ok(compareSync(password, (await userNamed(cli, 'ada')).passwordHash), JSON.stringify(stdin));
    t.notOk('password' in made, 'who gave it knows it');
  }
});

t.test('a password that cannot be set is refused with the reason, and nothing is made', async (t) => {
  const cli = await commandLine(t);
  const rows: readonly (readonly [stdin: string, why: RegExp])[] = [
    ['', /at least 8 characters/],
    ['\n', /at least 8 characters/],
    ['1234567\n', /at least 8 characters/],
    [`${'x'.repeat(73)}\n`, /73 bytes, at most 72/],
    [`${'ä'.repeat(37)}\n`, /74 bytes, at most 72/],
    ['correct\0horse\n', /NUL/],
    ['correct \ud800 horse\n', /well-formed/],
  ];
  for (const [stdin, why] of rows) {
    t.match(await cli.mintd('users add ada --password-stdin', { stdin }), { code: 1, out: '', err: why });
  }
  t.strictSame(await userNames(cli), []);
});

t.test('at a terminal a person is asked twice', async (t) => {
  const cli = await commandLine(t);
  const { code, out } = await cli.mintd('users add ada', { answers: [PASSWORD, PASSWORD] });
  t.match({ code, out }, { code: 0, out: /^made the user ada \([^)]+\)\n$/ });
  t.equal(cli.questions.length, 2);
  t.ok(compareSync(PASSWORD, (await userNamed(cli, 'ada')).passwordHash));
});

t.test('two different answers, or a bad one, are refused', async (t) => {
  const cli = await commandLine(t);
  t.match(await cli.mintd('users add ada', { answers: [PASSWORD, `${PASSWORD}!`] }), {
    code: 1,
    out: '',
    err: /not the same/,
  });
  t.match(await cli.mintd('users add ada', { answers: ['short', 'short'] }), { code: 1, err: /at least 8 characters/ });
  t.match(await cli.mintd('users add ada', { answers: [] }), { code: 1, out: '' }, 'who leaves, leaves');
  t.strictSame(await userNames(cli), []);
});

t.test('a taken name, whatever its case, is found before anybody is asked for a password', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada');
  for (const name of ['ada', 'ADA', 'Ada', 'ａｄａ']) {
    const refused = await cli.mintd(['users', 'add', name], { answers: [PASSWORD, PASSWORD] });
    t.match(refused, { code: 1, out: '', err: /^mintd: the name or the e-mail address is taken/ }, name);
  }
  t.strictSame(cli.questions, []);
  t.strictSame(await userNames(cli), ['ada']);
});

t.test('a taken e-mail address leaves nothing half-made', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada', 'ada@example.com');
  for (const args of ['users add bob --email ADA@example.com', 'users add ada@example.com']) {
    t.match(await cli.mintd(args), { code: 1, out: '', err: /taken/ }, args);
  }
  t.strictSame(await userNames(cli), ['ada']);
});

t.test('a name with an @ is the address of its own user', async (t) => {
  const cli = await commandLine(t);
  t.match(await cli.json('users add ada@example.com'), { username: 'ada@example.com', email: 'ada@example.com' });
  const foreign = await cli.mintd('users add eve@example.com --email mallory@example.com');
  t.match(foreign, { code: 1, err: /must be the user's own e-mail address/ });
  t.match(await cli.mintd('users add @'), { code: 1, err: /not an e-mail address/ });
});

t.test('what cannot be a user is refused, every reason at once', async (t) => {
  const cli = await commandLine(t);
  const rows: readonly (readonly [args: readonly string[], why: RegExp])[] = [
    [[''], /the user name is empty/],
    [[' ada'], /the user name is empty, .* or has invisible/],
    [['ad\u200ba'], /invisible/],
    [['a'.repeat(129)], /longer than 128/],
    [['ada', '--email', 'nowhere'], /not an e-mail address/],
    [['ada', '--role', 'two words'], /a role is/],
    [['', '--email', 'nowhere', '--role', ''], /user name.*; .*e-mail address; a role is/],
  ];
  for (const [args, why] of rows) {
    t.match(await cli.mintd(['users', 'add', ...args]), { code: 1, out: '', err: why }, JSON.stringify(args));
  }
  t.strictSame(await userNames(cli), []);
});

t.test('users list', async (t) => {
  const cli = await commandLine(t);
  t.strictSame(await cli.json('users list'), []);
  t.match(await cli.mintd('users list'), { code: 0, out: /no users yet: mintd users add/ });
  await there(cli, 'bob', undefined, 'admin');
  await there(cli, 'Ada', 'ada@example.com');
  t.match(await cli.json('users list'), [
    { username: 'Ada', email: 'ada@example.com', roles: [], created_at: RFC3339 },
    { username: 'bob', email: null, roles: ['admin'], created_at: RFC3339 },
  ]);
  const { out } = await cli.mintd('users list');
  t.match(out, /^USERNAME +E-MAIL +ROLES +STATE +CREATED +ID\nAda +ada@example.com .*\nbob +admin .*\n$/);
});

t.test('no listing shows a password hash', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada');
  for (const args of ['users list', 'users list --json']) t.notMatch((await cli.mintd(args)).out, /\$2|hash/i);
});

t.test('users set-password sets it and ends all logins', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada', 'ada@example.com');
  const before = await userNamed(cli, 'ada');
  const { code, out } = await cli.mintd('users set-password ADA --password-stdin', { stdin: `${PASSWORD}\n` });
  t.strictSame({ code, out }, { code: 0, out: 'set the password of ada; all its logins have ended\n' });
  const after = await userNamed(cli, 'ada');
  t.ok(compareSync(PASSWORD, after.passwordHash));
  t.ok(after.loginEpoch > before.loginEpoch, 'no login of before goes on');

  const generated = await cli.json('users set-password ada@example.com');
  t.ok(compareSync(String(generated['password']), (await userNamed(cli, 'ada')).passwordHash), 'or one is made');
});

t.test('users set-password that is refused changes nothing', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada');
  const before = await userNamed(cli, 'ada');
  t.match(await cli.mintd('users set-password ada --password-stdin', { stdin: 'short' }), { code: 1, out: '' });
  t.match(await cli.mintd('users set-password ada', { answers: [PASSWORD, 'else'] }), { code: 1, out: '' });
  t.match(await cli.mintd('users set-password bob'), { code: 1, out: '', err: 'mintd: there is no user "bob"\n' });
  t.strictSame(await userNamed(cli, 'ada'), before);
});

t.test('users disable and enable', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'ada');
  const before = await userNamed(cli, 'ada');
  t.match(await cli.mintd('users disable ada'), { code: 0, out: 'ada is disabled; its logins have ended\n' });
  const disabled = await userNamed(cli, 'ada');
  t.type(disabled.disabledAt, 'number');
  t.ok(disabled.loginEpoch > before.loginEpoch, 'its logins have ended');
  t.match(await cli.mintd('users disable ada'), { code: 0, out: /^ada is already disabled/ });
  t.equal((await userNamed(cli, 'ada')).disabledAt, disabled.disabledAt, 'since the first time');
  t.match(await cli.json('users disable ada'), { username: 'ada', disabled_at: RFC3339 });
  t.match((await cli.mintd('users list')).out, /ada .* disabled /);

  t.match(await cli.mintd('users enable ADA'), { code: 0, out: 'ada is enabled\n' });
  t.match(await cli.mintd('users enable ada'), { code: 0, out: 'ada is already enabled\n' });
  t.match(await cli.json('users enable ada'), { username: 'ada', disabled_at: null });
  t.equal((await userNamed(cli, 'ada')).loginEpoch, disabled.loginEpoch, 'logins that ended stay ended');
  for (const verb of ['disable', 'enable']) {
    t.match(await cli.mintd(`users ${verb} bob`), { code: 1, out: '', err: 'mintd: there is no user "bob"\n' });
  }
});

t.test('users remove deletes a user when a person says yes, or --yes was said', async (t) => {
  const cli = await commandLine(t);
  await there(cli, 'Ada', 'ada@example.com');
  await there(cli, 'bob');
  t.match(await cli.mintd('users remove ada'), {
    code: 1,
    out: '',
    err: /^mintd: Delete the user Ada .*\? This cannot be undone: say --yes\n$/,
  });
  t.match(await cli.mintd('users remove ada', { answers: ['no'] }), { code: 1, err: 'mintd: nothing was done\n' });
  t.strictSame(cli.questions, ['Delete the user Ada and end all logins?']);
  t.strictSame(await userNames(cli), ['Ada', 'bob']);
  const yes = await cli.mintd('users remove ada@example.com', { answers: ['yes'] });
  t.strictSame(yes, { code: 0, out: 'removed the user Ada; all logins have ended\n', err: '' });
  t.match(await cli.json('users remove bob --yes'), { id: /^[0-9a-f-]{36}$/, username: 'bob' });
  t.strictSame(await userNames(cli), []);
  t.equal(cli.questions.length, 2);
  const gone = await cli.mintd('users remove bob', { answers: ['yes'] });
  t.strictSame(gone, { code: 1, out: '', err: 'mintd: there is no user "bob"\n' });
  t.equal(cli.questions.length, 2, 'nobody is asked about who is not there');
  t.match(await cli.mintd('users add ada'), { code: 0 }, 'the name is free again');
});
