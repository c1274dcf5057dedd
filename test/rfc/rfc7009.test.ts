import t, { type Test } from 'tap';
import { formatRefreshToken } from '../../src/oauth/refresh-token.js';
import { aClient, PROVIDERS, type TestIssuer } from '../helper.js';
import { assertNotStored, type Form, postForm, rowOf, sidOf, type TextReply } from '../http/support.js';
import { aService, assertError, assertTokens, issuerWithClients, logIn, refresh, SECRET, SERVICE } from './setup.js';

const OTHER = aClient({ id: 'other' });
const LOGIN_ONLY = aClient({ id: 'once', grants: ['password'] });
const CLIENTS = [aClient(), aService(), OTHER, LOGIN_ONLY];

function revoke(issuer: TestIssuer, token: unknown, more: Record<string, string> = {}): Promise<TextReply> {
  return postForm(issuer, '/revoke', { client_id: 'app', token: String(token), ...more });
}

/** §2.2: 200, and the client needs no more than that. */
function assertRevoked(t: Test, reply: TextReply, what: string): void {
  t.equal(reply.status, 200, `${what}: status`);
  t.equal(reply.text, '', `${what}: nothing is said`);
  assertNotStored(t, reply, what);
}

/** A login that was refreshed twice: its tokens from the first to the newest, and the last access token. */
async function chain(issuer: TestIssuer) {
  const first = await logIn(issuer);
  const second = (await refresh(issuer, first['refresh_token'])).body;
  const third = (await refresh(issuer, second['refresh_token'])).body;
  const [oldest, previous, newest] = [first, second, third].map((body) => String(body['refresh_token']));
  return { oldest, previous, newest, access: String(third['access_token']), sid: sidOf(first) };
}

type Chain = Awaited<ReturnType<typeof chain>>;

const WAYS: readonly [what: string, token: (chain: Chain) => string | undefined][] = [
  ['the newest refresh token', ({ newest }) => newest],
  ['the one before it', ({ previous }) => previous],
  ['one superseded long ago', ({ oldest }) => oldest],
  ['the access token', ({ access }) => access],
];

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: CLIENTS });

    for (const [what, pick] of WAYS) {
      t.test(`§2.1: ${what} ends its login, and no other`, async (t) => {
        const bystander = await logIn(issuer);
        const login = await chain(issuer);
        assertRevoked(t, await revoke(issuer, pick(login)), what);
        for (const token of [login.newest, login.previous, login.oldest]) {
          assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'no refresh succeeds any more');
        }
        const { revokedAt, revokedReason } = await rowOf(issuer, login.sid);
        t.strictSame([revokedAt, revokedReason], [new Date(issuer.clock.now), 'revoked'], 'for this reason');
        assertTokens(t, await refresh(issuer, bystander['refresh_token']), 'another login of the same user');
      });
    }

    t.test('§2.2: a token that ended already is revoked: 200, and the first reason stays', async (t) => {
      const { sid, newest, oldest, access } = await chain(issuer);
      await issuer.families.revoke(sid, 'logout', issuer.clock.now);
      const before = await rowOf(issuer, sid);
      issuer.clock.now += 1000;
      for (const token of [newest, oldest, access]) assertRevoked(t, await revoke(issuer, token), 'once more');
      t.strictSame(await rowOf(issuer, sid), before);
    });

    t.test('refreshes that race a revocation: after its answer none succeeds', async (t) => {
      for (let round = 0; round < 5; round++) {
        const { newest } = await chain(issuer);
        const racing = Array.from({ length: 4 }, () => refresh(issuer, newest));
        const revoked = await revoke(issuer, newest);
        assertRevoked(t, revoked, 'in the middle');
        const answers = await Promise.all(racing);
        const tokens = answers.filter(({ status }) => status === 200).map(({ body }) => body['refresh_token']);
        for (const token of [newest, ...tokens]) {
          assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'after the answer');
        }
      }
    });
  });
}

const issuer = await issuerWithClients(t, { clients: CLIENTS });
const CLIENT_TOKEN = { grant_type: 'client_credentials' };

t.test('§2.2: a token that never was is revoked already', async (t) => {
  const nobody = formatRefreshToken({ handle: new Uint8Array(16), secret: new Uint8Array(28) });
  const { newest, access, sid } = await chain(issuer);
  const before = await rowOf(issuer, sid);
  const damaged = [newest, access].flatMap((token = '') => [
    token.slice(0, -5),
    `${token}A`,
    `${token.slice(0, 30)}${token[30] === 'A' ? 'B' : 'A'}${token.slice(31)}`,
    token.toUpperCase(),
    ` ${token}`,
  ]);
  for (const token of [nobody, ...damaged, 'x', 'mrt_', 'a.b.c', 'é', '\0', 'x'.repeat(10_000)]) {
    assertRevoked(t, await revoke(issuer, token), JSON.stringify(token.slice(0, 20)));
  }
  t.strictSame(await rowOf(issuer, sid), before, 'a damaged token harms nobody');
  assertTokens(t, await refresh(issuer, newest));
});

t.test('§2.1: an access token that ran out leads to no login any more: 200, and nobody is harmed', async (t) => {
  const { newest, access, sid } = await chain(issuer);
  issuer.clock.now += 600_000;
  const before = await rowOf(issuer, sid);
  assertRevoked(t, await revoke(issuer, access), 'expired');
  assertRevoked(t, await revoke(issuer, access, { client_id: 'other' }), 'expired, by another client');
  t.strictSame(await rowOf(issuer, sid), before);
  assertTokens(t, await refresh(issuer, newest));
});

t.test('§2.2.1: an access token without a login cannot be ended', async (t) => {
  const own = (await postForm(issuer, '/token', CLIENT_TOKEN, SERVICE)).body['access_token'];
  const ofClient = await postForm(issuer, '/revoke', { token: String(own) }, SERVICE);
  assertError(t, ofClient, 400, 'unsupported_token_type', 'of a client');
  assertError(t, await revoke(issuer, own), 400, 'invalid_grant', 'of another client: that is said first');
});

t.test('§2.1: the hint changes nothing, right, wrong or unknown', async (t) => {
  for (const hint of ['refresh_token', 'access_token', 'id_token', 'nonsense', 'REFRESH_TOKEN', '', 'é']) {
    for (const kind of ['newest', 'access'] as const) {
      const login = await chain(issuer);
      assertRevoked(t, await revoke(issuer, login[kind], { token_type_hint: hint }), `${kind} as ${hint}`);
      assertError(t, await refresh(issuer, login.newest), 400, 'invalid_grant');
    }
  }
  const { newest } = await chain(issuer);
  const twice: Form = [
    ['client_id', 'app'],
    ['token', String(newest)],
    ['token_type_hint', 'refresh_token'],
    ['token_type_hint', 'refresh_token'],
  ];
  assertError(t, await postForm(issuer, '/revoke', twice), 400, 'invalid_request', 'but not twice');
  assertTokens(t, await refresh(issuer, newest));
});

t.test('§2.1: the token of another client is refused and harms nobody', async (t) => {
  const { oldest, previous, newest, access, sid } = await chain(issuer);
  const before = await rowOf(issuer, sid);
  for (const token of [oldest, previous, newest, access]) {
    const refused = await revoke(issuer, token, { client_id: 'other' });
    assertError(t, refused, 400, 'invalid_grant', 'a public client');
    t.notMatch(refused.text, sid, 'and it learns nothing of the login');
    const confidential = await postForm(issuer, '/revoke', { token: String(token) }, SERVICE);
    assertError(t, confidential, 400, 'invalid_grant', 'a confidential client');
  }
  t.strictSame(await rowOf(issuer, sid), before, 'the row is as it was');
  assertTokens(t, await refresh(issuer, newest));
});

t.test('§2.1: a confidential client must authenticate, and without that nothing ends', async (t) => {
  const login = { client_id: 'service', client_secret: SECRET };
  const body = await logIn(issuer, login);
  const token = String(body['refresh_token']);
  const before = await rowOf(issuer, sidOf(body));
  for (const secret of [
    {},
    { client_secret: '' },
    { client_secret: 'wrong' },
    { client_secret: SECRET.toLowerCase() },
  ]) {
    const refused = await revoke(issuer, token, { client_id: 'service', ...secret });
    assertError(t, refused, 401, 'invalid_client', JSON.stringify(secret));
  }
  const wrong = { authorization: `Basic ${Buffer.from('service:wrong').toString('base64')}` };
  const refused = await postForm(issuer, '/revoke', { token }, wrong);
  assertError(t, refused, 401, 'invalid_client', 'in the header');
  t.match(refused.headers['www-authenticate'], /^Basic /, 'RFC 6749 §5.2: with a challenge');
  t.strictSame(await rowOf(issuer, sidOf(body)), before);
  assertRevoked(t, await postForm(issuer, '/revoke', { token }, SERVICE), 'with the secret');
  assertError(t, await refresh(issuer, token, login), 400, 'invalid_grant');
});
