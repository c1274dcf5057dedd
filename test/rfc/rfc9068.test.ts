import t from 'tap';
import { claimsOf, ISSUER, START } from '../helper.js';
import { issuerWithClients, logIn, refresh, SERVICE, send } from './setup.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function headerOf(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString());
}

const issuer = await issuerWithClients(t);

t.test('§2.1: the header says at+jwt, RS256 and which published key, and nothing else', async (t) => {
  const login = await logIn(issuer);
  const header = headerOf(login['access_token']);
  const { body } = await send(issuer, { url: '/.well-known/jwks.json' });
  const kids = (body['keys'] as { kid: string }[]).map(({ kid }) => kid);
  t.strictSame(header, { alg: 'RS256', typ: 'at+jwt', kid: kids[0] });
});

t.test("§2.2: a user's token has every required claim, who and when the user logged in, and no more", async (t) => {
  const userId = await issuer.addUser({ username: 'Grace', email: 'grace@example.com', roles: ['admin', 'ops'] });
  const { access_token: token } = await logIn(issuer, { username: 'grace' });
  const { jti, sid, ...rest } = claimsOf(token);
  t.match(jti, UUID);
  t.match(sid, UUID);
  t.strictSame(rest, {
    iss: ISSUER,
    sub: userId,
    aud: ISSUER,
    exp: START / 1000 + 600,
    iat: START / 1000,
    client_id: 'app',
    scope: 'read',
    auth_time: START / 1000,
    username: 'Grace',
    roles: ['admin', 'ops'],
  });
});

t.test("§2.2, §5: a client's token is about the client and cannot be taken for a user's", async (t) => {
  const { body } = await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE);
  const { jti, ...rest } = claimsOf(body['access_token']);
  t.match(jti, UUID);
  t.strictSame(rest, {
    iss: ISSUER,
    sub: 'service',
    aud: 'https://api.example',
    exp: START / 1000 + 600,
    iat: START / 1000,
    client_id: 'service',
    scope: 'read',
  });
  t.notMatch('service', UUID, 'user ids are UUIDs and client ids never are');
});

t.test('§2.2.1: auth_time stays that of the login; iat, exp and jti are those of the token', async (t) => {
  const issuer = await issuerWithClients(t);
  const login = await logIn(issuer);
  issuer.clock.now += 3_600_500;
  const { body } = await refresh(issuer, login['refresh_token']);
  const [before, after] = [claimsOf(login['access_token']), claimsOf(body['access_token'])];
  t.equal(after['auth_time'], START / 1000);
  t.equal(after['iat'], START / 1000 + 3600, 'a NumericDate in whole seconds');
  t.equal(after['exp'], START / 1000 + 4200);
  t.equal(after['sid'], before['sid']);
  t.equal(after['sub'], before['sub']);
  t.not(after['jti'], before['jti']);
});

t.test('§2.2: no two tokens share a jti', async (t) => {
  const tokens = await Promise.all(
    Array.from({ length: 20 }, () => issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE)),
  );
  t.equal(new Set(tokens.map(({ body }) => claimsOf(body['access_token'])['jti'])).size, 20);
});

t.test('§6: no e-mail address, password or hash is in a token, and no nbf', async (t) => {
  const text = JSON.stringify(claimsOf((await logIn(issuer))['access_token']));
  t.notMatch(text, /example\.com|correct horse|\$2b\$|mrt_|"nbf"/);
});
