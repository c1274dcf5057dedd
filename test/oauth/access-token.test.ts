import t from 'tap';
import { type AccessToken, type Claims, readAccessToken } from '../../src/oauth/access-token.js';
import { accessTokenClaims } from '../../src/oauth/claims.js';

const ISSUER = 'https://issuer.example';
const T = Date.UTC(2026, 0, 1);
const SECONDS = T / 1000;

/** The claims of a user's access token that was issued at T for ten minutes. */
function claims(overrides: Claims = {}): Claims {
  return {
    iss: ISSUER,
    sub: '919108f7-52d1-4320-9bac-f847db4148a8',
    aud: 'https://api.example',
    exp: SECONDS + 600,
    iat: SECONDS,
    jti: 'j',
    client_id: 'app',
    scope: 'read write',
    sid: '6a1c9d52-0f6e-4a53-9d9c-2b8f0e1d7c11',
    ...overrides,
  };
}

/** The same without one of them. */
function without(name: string): Claims {
  return Object.fromEntries(Object.entries(claims()).filter(([other]) => other !== name));
}

const READ: readonly [sentence: string, claims: Claims, expected: Partial<AccessToken>][] = [
  [
    'a token of a login',
    claims(),
    {
      clientId: 'app',
      userId: '919108f7-52d1-4320-9bac-f847db4148a8',
      sid: '6a1c9d52-0f6e-4a53-9d9c-2b8f0e1d7c11',
      audiences: ['https://api.example'],
      scope: ['read', 'write'],
    },
  ],
  ['several audiences', claims({ aud: ['a', 'b'] }), { audiences: ['a', 'b'] }],
  ['audiences that are no text count for nothing', claims({ aud: ['a', 1, null, ['b']] }), { audiences: ['a'] }],
  ['no audience at all', without('aud'), { audiences: [] }],
  ['an audience that is no text', claims({ aud: { a: 1 } }), { audiences: [] }],
  ['the token of a client has no sid', { ...without('sid'), sub: 'app' }, { userId: null, sid: null }],
  ['a token without scope', without('scope'), { scope: [] }],
  ['an empty scope', claims({ scope: '' }), { scope: [] }],
  ['a scope that is no text is none', claims({ scope: ['read'] }), { scope: [] }],
  ['a client that speaks for itself is no user', claims({ sub: 'app' }), { userId: null, clientId: 'app' }],
  ['whose id differs in case: somebody else', claims({ sub: 'App' }), { userId: 'App', clientId: 'app' }],
];

t.test('the claims of an access token (RFC 9068 §2.2) are read', async (t) => {
  for (const [sentence, given, expected] of READ) {
    const read = readAccessToken(given, ISSUER, T);
    t.equal(read.ok, true, sentence);
    if (!read.ok) continue;
    for (const [name, value] of Object.entries(expected)) {
      t.strictSame(read.value[name as keyof AccessToken], value, `${sentence}: ${name}`);
    }
    t.equal(read.value.claims, given, `${sentence}: and all of them are handed on`);
  }
});

const INVALID: readonly [sentence: string, claims: Claims][] = [
  ['nothing', {}],
  ['no issuer', without('iss')],
  ['another issuer', claims({ iss: 'https://other.example' })],
  ['the issuer with a slash behind it', claims({ iss: `${ISSUER}/` })],
  ['the issuer in capitals', claims({ iss: ISSUER.toUpperCase() })],
  ['the issuer in a list', claims({ iss: [ISSUER] })],
  ['no expiry: for ever is not for us', without('exp')],
  ['an expiry that is a text', claims({ exp: String(SECONDS + 600) })],
  ['an expiry of null', claims({ exp: null })],
  ['no subject', without('sub')],
  ['a subject that is a number', claims({ sub: 1 })],
  ['no client', without('client_id')],
  ['a client in a list', claims({ client_id: ['app'] })],
  ['a user without a login', without('sid')],
  ['a login that is no text', claims({ sid: 7 })],
];

t.test('claims that mintd does not write are not a token, expired or not', async (t) => {
  for (const [sentence, given] of INVALID) {
    for (const now of [T, T + 3_600_000]) {
      const read = readAccessToken(given, ISSUER, now);
      t.strictSame(read, { ok: false, refusal: { reason: 'access_token_invalid' } }, sentence);
    }
  }
});

t.test('it lives to the millisecond before its expiry, and no clock skew is added here', async (t) => {
  const expired = { ok: false, refusal: { reason: 'access_token_expired' } };
  t.equal(readAccessToken(claims(), ISSUER, T + 599_999).ok, true);
  t.strictSame(readAccessToken(claims(), ISSUER, T + 600_000), expired);
  t.strictSame(readAccessToken(claims(), ISSUER, T + 600_001), expired);
  t.strictSame(readAccessToken(claims({ exp: 0 }), ISSUER, T), expired);
  t.strictSame(readAccessToken(claims({ exp: -1 }), ISSUER, T), expired);
  t.equal(readAccessToken(claims(), ISSUER, T - 86_400_000).ok, true, 'one from a clock that is ahead is good');
});

t.test('what src/oauth/claims.ts writes is read back', async (t) => {
  const content = { issuer: ISSUER, clientId: 'app', scope: ['a', 'b'], audiences: ['x', 'y'], issuedAt: T, jti: 'j' };
  const user = { userId: 'u', username: 'ada', roles: ['admin'], authTime: T, sid: 's' };
  const ofUser = readAccessToken(accessTokenClaims({ ...content, ttlSeconds: 1, user }), ISSUER, T);
  t.match(ofUser, {
    ok: true,
    value: { clientId: 'app', userId: 'u', sid: 's', audiences: ['x', 'y'], scope: ['a', 'b'] },
  });
  const ofClient = readAccessToken(accessTokenClaims({ ...content, ttlSeconds: 1, user: null }), ISSUER, T);
  t.match(ofClient, { ok: true, value: { clientId: 'app', userId: null, sid: null } });
});
