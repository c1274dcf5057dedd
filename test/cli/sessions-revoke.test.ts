import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { TestIssuer } from '../helper.js';
import { refresh } from '../rfc/setup.js';
import { begin, besideIssuer, type Login } from './beside.js';

const RUN_OUT = '; services accept its access tokens until they expire';

/** Whether a login goes on: the answer to its newest token. */
async function goesOn(issuer: TestIssuer, { token }: Login, more: Record<string, string> = {}): Promise<boolean> {
  const { status, body } = await refresh(issuer, token, more);
  if (status !== 200 && body['error'] !== 'invalid_grant') throw new Error(`${status} ${JSON.stringify(body)}`);
  return status === 200;
}

t.test('one session is ended by its sid; the others of its user go on', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  const [one, other, third] = [await begin(issuer), await begin(issuer), await begin(issuer)];
  t.strictSame(await mintd(`sessions revoke ${one.sid}`), {
    code: 0,
    out: `ended the session ${one.sid}${RUN_OUT}\n`,
    err: '',
  });
  t.equal(await goesOn(issuer, one), false);
  t.equal(await goesOn(issuer, other), true);
  t.strictSame(await json(`sessions revoke ${third.sid}`), { sid: third.sid, ended: true });
  t.equal(await goesOn(issuer, third), false);
  const ended = (await json('sessions list --ended')) as unknown as { sid: string; ended: string | null }[];
  t.strictSame(Object.fromEntries(ended.map((session) => [session.sid, session.ended])), {
    [one.sid]: 'ended_by_admin',
    [other.sid]: null,
    [third.sid]: 'ended_by_admin',
  });
});

t.test('a session that is over already is said to be, and keeps its reason', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  const login = await begin(issuer);
  await issuer.families.revoke(login.sid, 'logout', issuer.clock.now);
  for (const time of ['once', 'twice']) {
    t.match(
      await mintd(`sessions revoke ${login.sid}`),
      { code: 0, out: `the session ${login.sid} was over already\n` },
      time,
    );
  }
  t.match(await json('sessions list --ended'), [{ sid: login.sid, ended: 'logout' }]);
});

t.test('so is one that ended with its user or its client', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  const [app, web] = [await begin(issuer), await begin(issuer, { client_id: 'web' })];
  await mintd('clients disable app');
  t.match(await mintd(`sessions revoke ${app.sid}`), { code: 0, out: `the session ${app.sid} was over already\n` });
  await mintd('users disable ada');
  t.match(await mintd(`sessions revoke ${web.sid}`), { code: 0, out: `the session ${web.sid} was over already\n` });
  const ended = (await json('sessions list --ended')) as unknown as { sid: string; ended: string | null }[];
  t.notOk(
    ended.some((session) => session.ended === 'ended_by_admin'),
    'nor does the list say that it was ended by itself',
  );
});

t.test('what is no session is named, and nothing happens', async (t) => {
  const { issuer, mintd } = await besideIssuer(t);
  const login = await begin(issuer);
  for (const sid of [randomUUID(), 'app', 'ada', '%', login.sid.slice(1), `${login.sid}0`]) {
    const { code, out, err } = await mintd(`sessions revoke ${sid}`);
    t.strictSame({ code, out }, { code: 1, out: '' }, sid);
    t.equal(err, `mintd: there is no session "${sid}"\n`);
  }
  t.match(await mintd(`sessions revoke ${randomUUID()} --json`), {
    code: 1,
    out: '',
    err: /^\{"error":"there is no session /,
  });
  t.equal(await goesOn(issuer, login), true);
});

t.test('which is to be ended must be said in exactly one way; anything else is wrong usage', async (t) => {
  const { issuer, mintd } = await besideIssuer(t);
  const login = await begin(issuer);
  for (const args of [
    '',
    '--yes',
    '--user ada --client app --yes',
    `${login.sid} --user ada --yes`,
    `${login.sid} --client app --yes`,
    `${login.sid} --user ada --client app --yes`,
    `${login.sid} --all --yes`,
    '--all --user ada --yes',
    '--all --client app --yes',
  ]) {
    const { code, out, err } = await mintd(`sessions revoke ${args}`);
    t.strictSame({ code, out }, { code: 2, out: '' }, `sessions revoke ${args}`);
    t.match(err, /say which: a session, --user, --client or --all/);
  }
  t.match(await mintd(`sessions revoke ${login.sid} ${login.sid}`), { code: 2, err: /too many arguments/ });
  t.equal(await goesOn(issuer, login), true);
});

t.test('all sessions of a user are ended, nobody else’s, and the user can log in again', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  await issuer.addUser({ username: 'Bob' });
  const ada = [await begin(issuer), await begin(issuer, { client_id: 'web' })] as const;
  const bob = await begin(issuer, { username: 'bob' });
  t.strictSame(await mintd('sessions revoke --user ADA --yes'), {
    code: 0,
    out: `ended all sessions of ada${RUN_OUT}\n`,
    err: '',
  });
  t.equal(await goesOn(issuer, ada[0]), false);
  t.equal(await goesOn(issuer, ada[1], { client_id: 'web' }), false);
  t.equal(await goesOn(issuer, bob), true);
  const again = await begin(issuer);
  t.equal(await goesOn(issuer, again), true);
  t.match(await json('sessions revoke --user ada@example.com --yes'), { username: 'ada', id: /^[0-9a-f-]{36}$/ });
  t.equal(await goesOn(issuer, again), false, 'by address as well');
});

t.test('all sessions at a client are ended, those elsewhere go on, and new ones begin', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  const [app, web] = [await begin(issuer), await begin(issuer, { client_id: 'web' })];
  t.strictSame(await mintd('sessions revoke --client app --yes'), {
    code: 0,
    out: `ended all sessions at app${RUN_OUT}\n`,
    err: '',
  });
  t.equal(await goesOn(issuer, app), false);
  t.equal(await goesOn(issuer, web, { client_id: 'web' }), true);
  const again = await begin(issuer);
  t.equal(await goesOn(issuer, again), true);
  t.strictSame(await json('sessions revoke --client app --yes'), { client_id: 'app' });
  t.equal(await goesOn(issuer, again), false);
  t.match(await json('sessions list'), [{ client_id: 'web' }]);
});

t.test('all sessions there are end, and new ones begin', async (t) => {
  const { issuer, mintd, json } = await besideIssuer(t);
  await issuer.addUser({ username: 'Bob' });
  const [app, web] = [await begin(issuer), await begin(issuer, { client_id: 'web', username: 'bob' })];
  t.strictSame(await mintd('sessions revoke --all'), {
    code: 1,
    out: '',
    err: 'mintd: End all sessions of everybody? This cannot be undone: say --yes\n',
  });
  t.strictSame(await mintd('sessions revoke --all --yes'), {
    code: 0,
    out: `ended all sessions of everybody${RUN_OUT}\n`,
    err: '',
  });
  t.equal(await goesOn(issuer, app), false);
  t.equal(await goesOn(issuer, web, { client_id: 'web' }), false);
  const again = await begin(issuer);
  t.equal(await goesOn(issuer, again), true);
  t.strictSame(await json('sessions revoke --all --yes'), { all: true });
  t.equal(await goesOn(issuer, again), false);
});

t.test('a user or client that is not there is named, and nobody is asked anything', async (t) => {
  const { mintd, questions } = await besideIssuer(t);
  for (const [args, err] of [
    ['--user eve', 'mintd: there is no user "eve"\n'],
    ['--client gone', 'mintd: there is no client "gone"\n'],
    ['--client APP', 'mintd: there is no client "APP"\n'],
  ] as const) {
    t.strictSame(await mintd(`sessions revoke ${args}`, { answers: ['yes'] }), { code: 1, out: '', err }, args);
  }
  t.strictSame(questions, []);
});

for (const [args, question] of [
  ['--user ADA', 'End all sessions of ada?'],
  ['--client app', 'End all sessions at app?'],
] as const) {
  t.test(`sessions revoke ${args} is done when a person at a terminal says yes, or --yes was said`, async (t) => {
    const { issuer, mintd, questions } = await besideIssuer(t);
    const login = await begin(issuer);
    const command = `sessions revoke ${args}`;
    const nobody = await mintd(command);
    t.match(
      nobody,
      { code: 1, out: '', err: `mintd: ${question} This cannot be undone: say --yes\n` },
      'no terminal, no prompt',
    );
    t.strictSame(questions, []);
    for (const answer of ['no', '']) {
      t.strictSame(await mintd(command, { answers: [answer] }), { code: 1, out: '', err: 'mintd: nothing was done\n' });
    }
    t.strictSame(questions, [question, question]);
    const first = await refresh(issuer, login.token);
    t.equal(first.status, 200, 'the session went on');
    t.match(await mintd(command, { answers: ['yes'] }), { code: 0, out: /^ended all sessions/ });
    t.equal(questions.length, 3);
    t.equal((await refresh(issuer, first.body['refresh_token'])).status, 400);
    t.match(await mintd(`${command} --yes`, { answers: [] }), { code: 0 }, 'and with --yes nobody is asked');
    t.equal(questions.length, 3);
  });
}

t.test('a single session is ended without a question', async (t) => {
  const { issuer, mintd, questions } = await besideIssuer(t);
  const [one, two] = [await begin(issuer), await begin(issuer)];
  t.match(await mintd(`sessions revoke ${one.sid}`, { answers: [] }), { code: 0 });
  t.match(await mintd(`sessions revoke ${two.sid} --yes`), { code: 0 });
  t.strictSame(questions, []);
});
