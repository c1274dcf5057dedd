import t from 'tap';
import { type AccessTokenContent, accessTokenClaims, type UserSubject } from '../../src/oauth/claims.js';

const ADA: UserSubject = {
  userId: '0b1c5ef2-7f4e-4a53-9a1f-6f0c7d1f2a3b',
  username: 'Ada',
  roles: ['admin', 'editor'],
  authTime: 1_699_999_000_999,
  sid: 'a-family',
};

function content(overrides: Partial<AccessTokenContent> = {}): AccessTokenContent {
  return {
    issuer: 'https://issuer.example',
    clientId: 'app',
    scope: ['read', 'write'],
    audiences: ['https://api.example'],
    issuedAt: 1_700_000_000_999,
    ttlSeconds: 600,
    jti: 'j-1',
    user: ADA,
    ...overrides,
  };
}

t.test('the token of a user says exactly this (RFC 9068 §2.2)', async (t) => {
  t.strictSame(accessTokenClaims(content()), {
    iss: 'https://issuer.example',
    sub: ADA.userId,
    aud: 'https://api.example',
    exp: 1_700_000_600,
    iat: 1_700_000_000,
    jti: 'j-1',
    client_id: 'app',
    scope: 'read write',
    sid: 'a-family',
    auth_time: 1_699_999_000,
    username: 'Ada',
    roles: ['admin', 'editor'],
  });
});

t.test('the token of a client speaks of the client alone (RFC 9068 §2.2: sub is the client)', async (t) => {
  t.strictSame(accessTokenClaims(content({ user: null })), {
    iss: 'https://issuer.example',
    sub: 'app',
    aud: 'https://api.example',
    exp: 1_700_000_600,
    iat: 1_700_000_000,
    jti: 'j-1',
    client_id: 'app',
    scope: 'read write',
  });
});

t.test('what is not there has no claim, rather than an empty one', async (t) => {
  t.notOk('scope' in accessTokenClaims(content({ scope: [] })), 'an empty scope');
});

t.test('a user without roles has an empty list, so that a verifier can tell it from a client', async (t) => {
  t.strictSame(accessTokenClaims(content({ user: { ...ADA, roles: [] } }))['roles'], []);
});

t.test('one audience is a string, several are an array (RFC 7519 §4.1.3)', async (t) => {
  t.equal(accessTokenClaims(content({ audiences: ['a'] }))['aud'], 'a');
  t.strictSame(accessTokenClaims(content({ audiences: ['a', 'b'] }))['aud'], ['a', 'b']);
});

t.test('times are whole seconds, and a token never lives longer than its lifetime', async (t) => {
  for (const issuedAt of [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_999]) {
    const { iat, exp } = accessTokenClaims(content({ issuedAt }));
    t.equal(iat, 1_700_000_000);
    t.equal(exp, 1_700_000_600);
  }
});

t.test('there is no nbf, no e-mail address and no secret', async (t) => {
  const named = Object.keys(accessTokenClaims(content()));
  for (const claim of ['nbf', 'email', 'password', 'refresh_token', 'client_secret']) t.notOk(named.includes(claim));
});
