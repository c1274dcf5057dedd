import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { openFamilies } from '../../src/store/families.js';
import { openUsers } from '../../src/store/users.js';
import { aClient } from '../helper.js';
import { loginForm } from '../rfc/setup.js';
import { aFamily, aUser, DAY_MS, hashOf } from '../store/support.js';
import { besideIssuer } from './beside.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOW = Date.now();

/** A command line with the users Ada and bob and the clients `app` and `web`; logs them in. */
async function peopled(t: Test) {
  const cli = await commandLine(t);
  const ids = { Ada: crypto.randomUUID(), bob: crypto.randomUUID() };
  await cli.withDatabase(async (database) => {
    for (const [display, id] of Object.entries(ids)) {
      const key = display.toLowerCase();
      const email = { display: `${key}@example.com`, key: `${key}@example.com` };
      await openUsers(database).add(aUser({ id, username: { display, key }, email }));
    }
    for (const id of ['app', 'web']) await openClients(database).add(aClient({ id }));
  });
  /** A login that began so many minutes ago. */
  async function begin(who: keyof typeof ids, clientId: string, minutes: number, userAgent: string | null = null) {
    const now = NOW - minutes * 60_000;
    const device = { userAgent, address: userAgent === null ? null : '203.0.113.7' };
    const lifetimes = { now, idleExpiresAt: now + 14 * DAY_MS, absoluteExpiresAt: now + 90 * DAY_MS };
    const handleHash = hashOf(`${who} ${clientId} ${minutes}`);
    const family = aFamily(ids[who], { clientId, device, handleHash, ...lifetimes });
    await cli.withDatabase((database) => openFamilies(database).begin(family));
    return family.sid;
  }
  return { cli, ids, begin };
}

async function sidsOf(cli: CommandLine, args = ''): Promise<readonly string[]> {
  return ((await cli.json(`sessions list ${args}`)) as unknown as { sid: string }[]).map(({ sid }) => sid);
}

t.test('sessions list where nobody is logged in', async (t) => {
  const { cli } = await peopled(t);
  t.strictSame(await cli.mintd('sessions list'), { code: 0, out: 'no sessions\n', err: '' });
  t.strictSame(await cli.json('sessions list'), []);
  t.strictSame(await cli.json('sessions list --ended'), []);
});

t.test('sessions list is a table for people, a line each, the newest first', async (t) => {
  const { cli, begin } = await peopled(t);
  const first = await begin('Ada', 'app', 90);
  const second = await begin('bob', 'web', 5, `Mozilla/5.0 (X11; Linux x86_64) ${'x'.repeat(200)}`);
  const { code, out, err } = await cli.mintd('sessions list');
  t.strictSame([code, err], [0, '']);
  const [head = '', ...lines] = out.split('\n');
  t.match(head, /^USER +CLIENT +ADDRESS +DEVICE +SINCE +LAST USED +STATE +SID$/);
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  const times = `(${time}) +(${time}) +until (${time})`;
  t.match(lines[0], new RegExp(`^bob +web +203\\.0\\.113\\.7 +…x{39} +${times} +${second}$`));
  t.match(lines[1], new RegExp(`^Ada +app +${times} +${first}$`));
  t.strictSame(lines.slice(2), ['']);
  t.ok((lines[0] ?? '').length < 220, 'a long device does not make a long line');
});

t.test('sessions list --json says everything that is known', async (t) => {
  const { cli, ids, begin } = await peopled(t);
  const sid = await begin('Ada', 'app', 90, 'curl/8.5.0');
  t.strictSame(await cli.json('sessions list'), [
    {
      sid,
      id: ids.Ada,
      username: 'Ada',
      client_id: 'app',
      user_agent: 'curl/8.5.0',
      address: '203.0.113.7',
      created_at: timeOf(NOW - 90 * 60_000),
      last_used_at: timeOf(NOW - 90 * 60_000),
      expires_at: timeOf(NOW - 90 * 60_000 + 14 * DAY_MS),
      ended: null,
    },
  ]);
  await begin('bob', 'app', 1);
  t.match(await cli.json('sessions list'), [
    { sid: UUID, user_agent: null, address: null, created_at: RFC3339 },
    { sid },
  ]);
});

function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

t.test('--user and --client choose whose sessions are listed', async (t) => {
  const { cli, begin } = await peopled(t);
  const adaApp = await begin('Ada', 'app', 4);
  const adaWeb = await begin('Ada', 'web', 3);
  const bobApp = await begin('bob', 'app', 2);
  const rows: readonly (readonly [args: string, sids: readonly string[]])[] = [
    ['', [bobApp, adaWeb, adaApp]],
    ['--user ADA', [adaWeb, adaApp]],
    ['--user bob@example.com', [bobApp]],
    ['--client app', [bobApp, adaApp]],
    ['--client web --user ada', [adaWeb]],
    ['--client web --user bob', []],
  ];
  for (const [args, sids] of rows) t.strictSame(await sidsOf(cli, args), sids, args);
  for (const [args, err] of [
    ['--user eve', 'mintd: there is no user "eve"\n'],
    ['--client gone', 'mintd: there is no client "gone"\n'],
  ] as const) {
    t.strictSame(await cli.mintd(`sessions list ${args}`), { code: 1, out: '', err });
  }
});

t.test('--ended lists those that are over as well, and why', async (t) => {
  const { cli, ids, begin } = await peopled(t);
  const reused = await begin('Ada', 'app', 4);
  const withUser = await begin('bob', 'app', 3);
  const expired = await begin('Ada', 'web', 20 * 24 * 60);
  const living = await begin('Ada', 'web', 1);
  await begin('Ada', 'web', 100 * 24 * 60);
  await cli.withDatabase(async (database) => {
    await openFamilies(database).revoke(reused, 'reuse', NOW);
    await openUsers(database).disable(ids.bob, NOW);
  });
  t.strictSame(await sidsOf(cli), [living]);
  t.match(await cli.json('sessions list --ended'), [
    { sid: living, ended: null },
    { sid: withUser, ended: 'ended_with_user' },
    { sid: reused, ended: 'reuse' },
    { sid: expired, ended: 'expired' },
  ]);
  t.equal((await sidsOf(cli, '--ended')).length, 4, 'past the absolute lifetime none is listed');
  const { out } = await cli.mintd('sessions list --ended');
  t.match(
    out,
    new RegExp(
      ` until \\S+ +${living}\\n.* ended with user +${withUser}\\n.* reuse +${reused}\\n.* expired +${expired}\\n$`,
    ),
  );
});

t.test('--limit shows so many, and says on stderr that there are more', async (t) => {
  const { cli, begin } = await peopled(t);
  const sids = [];
  for (const minutes of [1, 2, 3]) sids.push(await begin('Ada', 'app', minutes));
  const more = await cli.mintd('sessions list --limit 2 --json');
  t.match(more, { code: 0, err: 'there are more than 2: say --limit, --user or --client\n' });
  t.strictSame(
    JSON.parse(more.out).map(({ sid }: { sid: string }) => sid),
    sids.slice(0, 2),
    'stdout is JSON alone',
  );
  t.match(await cli.mintd('sessions list --limit 2'), { code: 0, err: /^there are more than 2/ });
  for (const limit of ['3', '4', '999999'])
    t.strictSame(await sidsOf(cli, `--limit ${limit}`), sids, 'no more, no word');
  for (const limit of ['0', '-1', '1.5', 'all', '1e3', '1000000', '']) {
    const refused = await cli.mintd(['sessions', 'list', '--limit', limit]);
    t.match(refused, { code: 2, out: '', err: /must be a whole number from 1 to 999999/ }, JSON.stringify(limit));
  }
});

t.test('what a program says of itself cannot steer the terminal of who reads the list', async (t) => {
  const { issuer, mintd } = await besideIssuer(t);
  const evil = 'Mozilla\u001b[31m red\u009b2J\r\nspoofed line\u0007\u202e\t\b\u0000 end';
  const { status } = await issuer.post('/token', loginForm(), { 'user-agent': evil });
  t.equal(status, 200);
  for (const args of ['sessions list', 'sessions list --json']) {
    const { code, out } = await mintd(args);
    t.equal(code, 0);
    t.match(out, '?[31m red?2J');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    t.notMatch(out.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202e]/, args);
  }
  t.equal((await mintd('sessions list')).out.split('\n').length, 3, 'one heading, one line');
});
