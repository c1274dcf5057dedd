import t from 'tap';
import { formatRefreshToken, parseRefreshToken } from '../../src/oauth/refresh-token.js';
import { claimsOf } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, refresh } from './setup.js';

const issuer = await issuerWithClients(t);

t.test('§4.14.2: refresh tokens of public clients are rotated', async (t) => {
  const seen = new Set<unknown>();
  let token = (await logIn(issuer))['refresh_token'];
  for (let i = 0; i < 5; i++) {
    seen.add(token);
    const reply = await refresh(issuer, token);
    assertTokens(t, reply);
    token = reply.body['refresh_token'];
  }
  t.equal(seen.add(token).size, 6);
});

t.test('§4.14.2: a superseded token that comes back ends the login for thief and victim alike', async (t) => {
  const first = (await logIn(issuer))['refresh_token'];
  const second = (await refresh(issuer, first)).body['refresh_token'];
  const third = (await refresh(issuer, second)).body['refresh_token'];
  assertError(t, await refresh(issuer, first), 400, 'invalid_grant', 'the stolen one');
  for (const token of [first, second, third]) {
    assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'none of the family lives');
  }
  assertTokens(t, await refresh(issuer, (await logIn(issuer))['refresh_token']), 'a new login is not touched');
});

t.test('§4.14.2: a token ends when it is not used for its idle lifetime', async (t) => {
  const issuer = await issuerWithClients(t);
  const token = (await logIn(issuer))['refresh_token'];
  issuer.clock.now += 14 * 86_400_000;
  assertError(t, await refresh(issuer, token), 400, 'invalid_grant');
});

t.test('§4.14.2: a made-up secret behind a known handle is treated as a stolen token', async (t) => {
  const token = String((await logIn(issuer))['refresh_token']);
  const handle = parseRefreshToken(token)?.handle ?? new Uint8Array();
  const madeUp = formatRefreshToken({ handle, secret: new Uint8Array(28).fill(7) });
  assertError(t, await refresh(issuer, madeUp), 400, 'invalid_grant');
  assertError(t, await refresh(issuer, token), 400, 'invalid_grant', 'the login has ended');
});

t.test('§4.14.2: a token that was damaged on its way is refused, and its login lives', async (t) => {
  const token = String((await logIn(issuer))['refresh_token']);
  const damaged = token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41);
  for (const text of [damaged, token.slice(0, -1), `${token}A`, token.slice(0, 30)]) {
    assertError(t, await refresh(issuer, text), 400, 'invalid_grant');
  }
  assertTokens(t, await refresh(issuer, token), 'the login goes on');
});

t.test('§4.15: a client cannot get a token that speaks of a user it did not log in', async (t) => {
  const userId = await issuer.addUser({ username: 'grace' });
  const form = { sub: userId, username: 'ada', roles: 'root', client_id: 'app', user_id: userId };
  const claims = claimsOf((await logIn(issuer, form))['access_token']);
  t.not(claims['sub'], userId);
  t.strictSame(claims['roles'], ['admin']);
});
