// What happens to clients that are there: disable, enable, remove; and what browsers need of them.
import t from 'tap';
import { openClients } from '../../src/store/clients.js';
import { refresh } from '../rfc/setup.js';
import { begin, besideIssuer } from './beside.js';
import { type CommandLine, commandLine, RFC3339 } from './harness.js';

const SPA = 'spa --kind public --grant password --grant refresh_token';

async function clientIds({ withDatabase }: CommandLine): Promise<readonly string[]> {
  return (await withDatabase((database) => openClients(database).list())).map(({ id }) => id);
}

t.test('a disabled client gets no tokens; enabled again it does, but logins that ended stay ended', async (t) => {
  const { issuer, mintd } = await besideIssuer(t);
  const [before, elsewhere] = [await begin(issuer), await begin(issuer, { client_id: 'web' })];
  t.strictSame(await mintd('clients disable app'), {
    code: 0,
    out: 'app is disabled; its logins have ended\n',
    err: '',
  });
  t.match(await refresh(issuer, before.token), { body: { error: 'invalid_client' } });
  await t.rejects(begin(issuer), /invalid_client/, 'no new login either');
  const web = await refresh(issuer, elsewhere.token, { client_id: 'web' });
  t.equal(web.status, 200, 'other clients go on');

  t.strictSame(await mintd('clients enable app'), { code: 0, out: 'app is enabled\n', err: '' });
  t.match(await refresh(issuer, before.token), { status: 400, body: { error: 'invalid_grant' } });
  const after = await begin(issuer);
  t.equal((await refresh(issuer, after.token)).status, 200);
});

t.test('disable and enable say what they did, or that it was so already', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind public --grant password');
  t.match(await cli.mintd('clients enable app'), { code: 0, out: 'app is already enabled\n' });
  t.match(await cli.json('clients disable app'), { client_id: 'app', disabled_at: RFC3339 });
  const row = () => cli.withDatabase((database) => openClients(database).find('app'));
  const disabled = await row();
  t.match(disabled, { loginEpoch: 1, disabledAt: Number });
  t.match(await cli.mintd('clients disable app'), {
    code: 0,
    out: /^app is already disabled; its logins have ended\n$/,
  });
  t.strictSame(await row(), disabled, 'since the first time');
  t.match((await cli.mintd('clients list')).out, /app .* disabled\n/);
  t.match(await cli.json('clients enable app'), { client_id: 'app', disabled_at: null });
  t.match(await row(), { loginEpoch: 1, disabledAt: null });
  t.notMatch((await cli.mintd('clients list')).out, /app .* disabled\n/);
});

t.test('a client that is not there is named', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind public --grant password');
  for (const verb of ['disable', 'enable', 'remove --yes']) {
    for (const id of ['gone', 'APP', '%', "a'b"]) {
      const refused = await cli.mintd(`clients ${verb} ${id}`);
      t.strictSame(refused, { code: 1, out: '', err: `mintd: there is no client "${id}"\n` }, `${verb} ${id}`);
    }
    t.match(await cli.mintd(`clients ${verb}`), { code: 2, out: '', err: /missing required argument 'id'/ });
  }
  t.strictSame(await clientIds(cli), ['app']);
});

t.test('a removed client is gone with its logins, and nothing else is', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  const [login, elsewhere] = [await begin(issuer), await begin(issuer, { client_id: 'web' })];
  t.strictSame(await mintd('clients remove app --yes'), {
    code: 0,
    out: 'removed the client app; its logins have ended\n',
    err: '',
  });
  t.match(await refresh(issuer, login.token), { body: { error: 'invalid_client' } });
  t.match(await json('sessions list --ended'), [{ client_id: 'web', username: 'ada' }]);
  t.equal((await refresh(issuer, elsewhere.token, { client_id: 'web' })).status, 200);
  t.match(await mintd('clients remove app --yes'), { code: 1, err: 'mintd: there is no client "app"\n' });
  t.match(await mintd('clients add app --kind public --grant password --grant refresh_token'), { code: 0 });
  t.match(
    await refresh(issuer, login.token),
    { status: 400, body: { error: 'invalid_grant' } },
    'nor with the id again',
  );
  t.match(await json('clients remove app --yes'), { client_id: 'app', kind: 'public' });
});

t.test('clients remove is done when a person at a terminal says yes, or --yes was said', async (t) => {
  const cli = await commandLine(t);
  await cli.mintd('clients add app --kind public --grant password');
  t.match(await cli.mintd('clients remove app'), {
    code: 1,
    out: '',
    err: /^mintd: Delete the client app .*\? This cannot be undone: say --yes\n$/,
  });
  t.strictSame(cli.questions, [], 'nobody is asked who cannot answer');
  const no = await cli.mintd('clients remove app', { answers: ['no'] });
  t.strictSame(no, { code: 1, out: '', err: 'mintd: nothing was done\n' });
  t.strictSame(cli.questions, ['Delete the client app and end all its logins?']);
  t.strictSame(await clientIds(cli), ['app']);
  t.match(await cli.mintd('clients remove app', { answers: ['yes'] }), { code: 0, out: /^removed/ });
  t.strictSame(await clientIds(cli), []);
  t.match(await cli.mintd('clients remove gone', { answers: ['yes'] }), { code: 1, err: /no client "gone"/ });
  t.equal(cli.questions.length, 2, 'and nobody is asked about what is not there');
});

t.test('a client for pages in a browser: cookie delivery and its origins', async (t) => {
  const cli = await commandLine(t);
  const origins = ['https://app.example.com', 'http://localhost:5173', 'http://127.0.0.1:8080', 'http://[::1]:3000'];
  const args = origins.map((origin) => `--origin ${origin}`).join(' ');
  const made = await cli.json(`clients add ${SPA} --delivery cookie ${args} --origin ${origins[0]}`);
  t.match(made, { delivery: 'cookie', kind: 'public' });
  t.strictSame(made['origins'], origins, 'each once');
  t.strictSame(await cli.json('clients list'), [made]);
  t.match((await cli.mintd('clients list')).out, `cookie ${origins.join(' ')}\n`);
  const plain = await cli.json(
    'clients add other --kind public --grant password --origin https://app.example.com:8443',
  );
  t.match(plain, { delivery: 'body', origins: ['https://app.example.com:8443'] });
  t.match((await cli.mintd('clients list')).out, /^other .* {2}https:\/\/app\.example\.com:8443$/m);
});

t.test('what is no origin of a page that can be trusted is refused, and named', async (t) => {
  const cli = await commandLine(t);
  for (const origin of [
    ...['null', '*', 'app.example.com', 'https://', 'https://*.example.com', 'https://app.example.com/'],
    ...[
      'https://app.example.com/page',
      'https://app.example.com?x',
      'https://app.example.com#x',
      'HTTPS://app.example.com',
    ],
    ...[
      'https://App.example.com',
      'https://app.example.com:443',
      'https://user@app.example.com',
      'http://app.example.com',
    ],
    ...[
      'http://localhost.example.com',
      'http://127.0.0.1.example.com',
      'http://10.0.0.1',
      'http://localhost:80',
      'ftp://a.example',
    ],
    ...[
      'file:///tmp/x.html',
      'javascript:alert(1)',
      'https://bücher.example',
      'https://app.example.com https://b.example',
      '',
    ],
  ]) {
    const list = ['clients', 'add', ...SPA.split(' '), '--delivery', 'cookie', '--origin', origin];
    const { code, out, err } = await cli.mintd(list);
    t.strictSame({ code, out }, { code: 1, out: '' }, JSON.stringify(origin));
    t.ok(err.includes(`${JSON.stringify(origin)} is not an origin such as https://app.example.com`), err);
  }
  t.strictSame(await clientIds(cli), []);
});

t.test('cookie delivery where it makes no sense is refused, and nothing is made', async (t) => {
  const cli = await commandLine(t);
  const origin = '--origin https://app.example.com';
  const rows: readonly (readonly [args: string, code: number, why: RegExp])[] = [
    [`${SPA} --delivery cookie`, 1, /cookie delivery needs at least one origin/],
    [
      `spa --kind confidential --grant password --grant refresh_token --delivery cookie ${origin}`,
      1,
      /cookie delivery is for pages in a browser, which can keep no secret/,
    ],
    [
      `spa --kind public --grant password --delivery cookie ${origin}`,
      1,
      /cookie delivery needs the grant refresh_token/,
    ],
    [
      'spa --kind confidential --grant client_credentials --delivery cookie',
      1,
      /keep no secret; .*refresh_token; .*origin/,
    ],
    [`${SPA} --delivery header ${origin}`, 2, /Allowed choices are body, cookie/],
    [`${SPA} --delivery`, 2, /argument missing/],
    [`${SPA} --delivery cookie --origin`, 2, /argument missing/],
  ];
  for (const [args, code, why] of rows) {
    t.match(await cli.mintd(`clients add ${args}`), { code, out: '', err: why }, args);
  }
  t.strictSame(await clientIds(cli), []);
});
