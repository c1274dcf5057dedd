import { randomUUID } from 'node:crypto';
import t from 'tap';
import { openClients } from '../../src/store/clients.js';
import { openFamilies } from '../../src/store/families.js';
import { openUsers } from '../../src/store/users.js';
import { aClient, START } from '../helper.js';
import { aFamily, hashOf } from '../store/support.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

/** Users who are just there. */
async function there({ withDatabase }: CommandLine, ...described: readonly { name: string; roles?: string }[]) {
  const rest = { email: null, passwordHash: 'x', createdAt: START, disabledAt: null };
  const users = described.map(({ name, roles = '' }) => ({
    ...rest,
    ...{
      id: randomUUID(),
      username: { display: name, key: name.toLowerCase() },
      roles: roles.split(' ').filter(Boolean),
    },
  }));
  await withDatabase((database) => openUsers(database).addAll(users));
  return users.map(({ id }) => id);
}

t.test('users roles shows and changes the roles of a user, and nothing else', async (t) => {
  const cli = await commandLine(t);
  await there(cli, { name: 'Ada', roles: 'staff audit' });
  const before = await cli.json('users show ada');
  const rows: readonly (readonly [args: string, roles: string])[] = [
    ['', 'staff audit'],
    ['--add admin --add staff', 'staff audit admin'],
    ['--add admin', 'staff audit admin'],
    ['--remove audit --add ops', 'staff admin ops'],
    ['--remove nothing', 'staff admin ops'],
    ['--set b --set a --set b', 'b a'],
    ['--remove a --remove b', ''],
  ];
  for (const [args, roles] of rows) {
    const line = `Ada: ${roles || 'no roles'}\n`;
    t.strictSame(await cli.mintd(`users roles ADA ${args}`), { code: 0, out: line, err: '' }, args);
    const shown = { ...before, roles: roles.split(' ').filter(Boolean) };
    const now = await cli.json('users show ada');
    t.strictSame({ ...now, revision: 0 }, shown);
  }
  t.match(await cli.json('users roles ada --add x'), { username: 'Ada', roles: ['x'] });
});

t.test('users roles refuses what cannot be', async (t) => {
  const cli = await commandLine(t);
  await there(cli, { name: 'ada', roles: 'staff' });
  const rows: readonly (readonly [args: readonly string[], code: number, why: RegExp])[] = [
    [['bob'], 1, /there is no user "bob"/],
    [['ada', '--add', 'two words'], 1, /a role is 1 to 64/],
    [['ada', '--set', ''], 1, /a role is 1 to 64/],
    [['ada', '--remove', 'é'], 1, /a role is 1 to 64/],
    [['ada', '--set', 'a', '--add', 'b'], 2, /not both/],
    [['ada', '--set', 'a', '--remove', 'b'], 2, /not both/],
    [['ada', '--add', 'a', '--remove', 'a'], 2, /both added and removed/],
  ];
  for (const [args, code, err] of rows) t.match(await cli.mintd(['users', 'roles', ...args]), { code, out: '', err });
  t.match(await cli.json('users roles ada'), { roles: ['staff'] });
});

t.test('roles that many add at once are all there', async (t) => {
  const cli = await commandLine(t);
  await there(cli, { name: 'ada' });
  const roles = ['a', 'b', 'c'];
  const done = await Promise.all(roles.map((role) => cli.mintd(`users roles ada --add ${role}`)));
  t.strictSame(
    done.map(({ code }) => code),
    [0, 0, 0],
  );
  const { roles: after } = await cli.json('users roles ada');
  t.strictSame([...(after as string[])].sort(), roles);
});

t.test('users show tells of a user and the sessions that go on', async (t) => {
  const cli = await commandLine(t);
  const [ada = '', bob = ''] = await there(cli, { name: 'Ada', roles: 'staff' }, { name: 'bob' });
  await cli.withDatabase(async (database) => {
    await openClients(database).add(aClient());
    const families = openFamilies(database);
    const far = { idleExpiresAt: Date.now() + 60_000, absoluteExpiresAt: Date.now() + 60_000 };
    for (const [userId, handle, times] of [
      [ada, '1', far],
      [ada, '2', far],
      [ada, '3', { ...far, idleExpiresAt: START }],
      [bob, '4', far],
    ] as const)
      await families.begin(aFamily(userId, { handleHash: hashOf(handle), ...times }));
  });
  t.strictSame(await cli.json('users show ADA'), {
    ...{ id: ada, username: 'Ada', email: null, roles: ['staff'], created_at: '2026-01-01T00:00:00Z' },
    ...{ disabled_at: null, revision: 0, sessions: 2 },
  });
  const { out } = await cli.mintd('users show ada');
  t.match(
    out,
    /^user name +Ada\ne-mail +-\nid +[0-9a-f-]{36}\nroles +staff\ncreated +2026-.*\nstate +enabled\nsess.* 2\n$/,
  );
  await cli.mintd('users disable ada');
  t.match(await cli.json('users show ada'), { sessions: 0, disabled_at: RFC3339 });
  t.match((await cli.mintd('users show ada')).out, /state +disabled since 2/);
  t.match(await cli.mintd('users show eve'), { code: 1, out: '', err: 'mintd: there is no user "eve"\n' });
});

t.test('users list by role, by state, by the beginning of the name, and not too many', async (t) => {
  const cli = await commandLine(t);
  await there(cli, { name: 'Ada', roles: 'admin' }, { name: 'adam', roles: 'administrator' }, { name: 'bob' });
  await cli.mintd('users disable bob');
  const rows: readonly (readonly [args: string, names: readonly string[]])[] = [
    ['', ['Ada', 'adam', 'bob']],
    ['--role admin', ['Ada']],
    ['--disabled', ['bob']],
    ['--search AD', ['Ada', 'adam']],
    ['--search ａｄａｍ', ['adam']],
    ['--search %', []],
    ['--search ad --disabled', []],
  ];
  for (const [args, names] of rows) {
    const found = (await cli.json(`users list ${args}`)) as unknown as readonly { username: string }[];
    t.strictSame(
      found.map(({ username }) => username),
      names,
      args,
    );
  }
  const few = await cli.mintd('users list --limit 2 --json');
  t.match(few, { code: 0, err: 'there are more than 2: say --limit, --search or --role\n' });
  t.match(JSON.parse(few.out), [{ username: 'Ada' }, { username: 'adam' }]);
  t.match(await cli.mintd('users list --limit 3'), { code: 0, err: '' });
  t.match(await cli.mintd('users list --role nobody'), { code: 0, out: 'there are no such users\n' });
  t.match(await cli.mintd(['users', 'list', '--search', ' ']), { code: 1, err: /no user name begins like that/ });
  t.match(await cli.mintd(['users', 'list', '--role', 'two words']), { code: 1, err: /cannot be a role/ });
  t.match(await cli.mintd('users list --limit 0'), { code: 2 });
});
