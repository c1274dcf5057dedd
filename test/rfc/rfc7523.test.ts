import { SignJWT, UnsecuredJWT } from 'jose';
import t from 'tap';
import { openClientAssertions } from '../../src/store/client-assertions.js';
import { openClients } from '../../src/store/clients.js';
import { openDatabase } from '../../src/store/database.js';
import { aClient, basic, ISSUER, type Reply, testIssuer } from '../helper.js';
import { aSigner, askWith, assertionForm, assertionOf, clientKey, goodClaims, type Wrong } from './assertions.js';
import { aService, assertError, assertTokens, issuerWithClients, logIn, SECRET } from './setup.js';

const [first, second, third] = [clientKey('ES256', 'one'), clientKey('RS256', 'two'), clientKey('Ed25519', 'three')];
const nameless = clientKey('ES256', 'nameless');
const { kid: _none, ...namelessJwk } = nameless.jwk;
const clients = [
  aClient(),
  aService(),
  aSigner([first, second, third]),
  aSigner([], { id: 'nameless', jwks: { keys: [namelessJwk, first.jwk] } }),
  aSigner([first], { id: 'off', disabledAt: 1 }),
];
const issuer = await issuerWithClients(t, { clients });
const nowSeconds = Math.floor(issuer.clock.now / 1000);
const remembered = () => issuer.database.prisma.clientAssertion.count();

t.test('§2.2: a client shows who it is with what it signed, with any of its keys', async (t) => {
  for (const key of [first, second, third]) {
    assertTokens(t, await askWith(issuer, key), key.algorithm);
    assertTokens(t, await askWith(issuer, key, { header: { kid: undefined } }), `${key.algorithm} without a kid`);
  }
  assertTokens(t, await askWith(issuer, { ...second, algorithm: 'PS256' }), 'PS256 with an RSA key');
  assertTokens(t, await askWith(issuer, first, {}, { client_id: 'signer' }), 'client_id beside it (RFC 7521 §4.2)');
  const typ = 'client-authentication+jwt';
  assertTokens(t, await askWith(issuer, first, { header: { typ } }), 'the type of rfc7523bis');
  assertTokens(t, await askWith(issuer, first, { claims: { aud: [ISSUER] } }), 'a list of the one audience');
  const claims = { iss: 'nameless', sub: 'nameless' };
  assertTokens(t, await askWith(issuer, nameless, { claims, header: { kid: undefined } }), 'a key without a name');
  const reply = await askWith(issuer, nameless, { claims, header: { kid: 'nameless' } });
  assertError(t, reply, 401, 'invalid_client', 'a kid that no key has');
});

t.test('§3: every claim and header wrong once: 401, one answer for all, and nothing is remembered', async (t) => {
  const stranger = clientKey('ES256', 'one');
  const wrong: readonly Wrong[] = [
    ...[{ iss: 'app' }, { sub: 'app' }, { iss: undefined }, { sub: undefined }, { sub: 'nobody', iss: 'nobody' }],
    ...[`${ISSUER}/token`, `${ISSUER}/`, 'x', undefined, [ISSUER, `${ISSUER}/token`], []].map((aud) => ({ aud })),
    ...[undefined, nowSeconds - 60, nowSeconds + 361, `${nowSeconds + 60}`].map((exp) => ({ exp })),
    ...[{ nbf: nowSeconds + 61 }, { iat: nowSeconds + 61 }, { nbf: 'now' }],
    ...[{ jti: undefined }, { jti: '' }, { jti: 'x'.repeat(257) }, { jti: 1 }],
    ...[
      { iss: 'app', sub: 'app' },
      { iss: 'service', sub: 'service' },
      { iss: 'off', sub: 'off' },
    ],
  ]
    .map((claims): Wrong => ({ claims }))
    .concat([
      { header: { typ: 'at+jwt' } },
      { header: { typ: 'dpop+jwt' } },
      { header: { kid: 'two' } },
      { header: { kid: 'x' } },
    ]);
  const before = await remembered();
  const replies: (readonly [sentence: string, reply: Reply])[] = [];
  for (const what of wrong) replies.push([JSON.stringify(what), await askWith(issuer, first, what)] as const);
  const header = { jwk: stranger.jwk, jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x5u' };
  replies.push(["a stranger's signature", await askWith(issuer, stranger)]);
  replies.push(['a stranger who brings his key', await askWith(issuer, stranger, { header })]);
  replies.push(['another client_id', await askWith(issuer, first, {}, { client_id: 'app' })]);
  const texts = {
    'alg none': new UnsecuredJWT(goodClaims(nowSeconds)).encode(),
    'a shared secret': await hmac(new TextEncoder().encode(SECRET)),
    "the public key's text as the secret": await hmac(new TextEncoder().encode(JSON.stringify(first.jwk))),
    crit: await new SignJWT(goodClaims(nowSeconds))
      .setProtectedHeader({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 })
      .sign(first.privateKey, { crit: { x: true } }),
    'a signature cut off': `${(await assertionOf(first, issuer.clock.now)).split('.').slice(0, 2).join('.')}.`,
    nonsense: 'x',
  };
  for (const [sentence, text] of Object.entries(texts)) {
    const form = { grant_type: 'client_credentials', ...assertionForm(text) };
    replies.push([sentence, await issuer.post('/token', form)]);
  }
  for (const [sentence, reply] of replies) assertError(t, reply, 401, 'invalid_client', sentence);
  t.equal(new Set(replies.map(([, { body }]) => JSON.stringify(body))).size, 1, 'none is told from another');
  t.equal(await remembered(), before, 'nothing was stored');
});

async function hmac(secret: Uint8Array): Promise<string> {
  return new SignJWT(goodClaims(nowSeconds)).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
}

t.test('a client has either keys or a secret, and uses what it has', async (t) => {
  const form = { grant_type: 'client_credentials', client_id: 'signer' };
  assertError(t, await issuer.post('/token', { ...form, client_secret: 'x' }), 401, 'invalid_client');
  assertError(t, await issuer.post('/token', form), 401, 'invalid_client');
  const authorization = basic('signer', 'x');
  assertError(
    t,
    await issuer.post('/token', { grant_type: 'client_credentials' }, { authorization }),
    401,
    'invalid_client',
  );
  const assertion = assertionForm(await assertionOf(first, issuer.clock.now));
  const both = await issuer.post('/token', { ...form, ...assertion }, { authorization });
  assertError(t, both, 400, 'invalid_request', 'two methods (RFC 6749 §2.3)');
  assertError(t, await issuer.post('/token', { ...form, ...assertion, client_secret: 'x' }), 400, 'invalid_request');
  assertTokens(t, await issuer.post('/token', { ...form, ...assertion }), 'and that consumed nothing');
});

t.test('§3 (7): jti is used once, wherever it is presented; its client has it for itself', async (t) => {
  const form = { token: 'x', ...assertionForm(await assertionOf(first, issuer.clock.now, { claims: { jti: 'j' } })) };
  const revoked = await issuer.app.inject({
    ...{ method: 'POST', url: '/revoke', payload: new URLSearchParams(form).toString() },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  t.equal(revoked.statusCode, 200);
  for (const path of ['/revoke', '/introspect', '/token']) {
    const reply = await issuer.post(path, { grant_type: 'client_credentials', ...form });
    assertError(t, reply, 401, 'invalid_client', path);
  }
  assertError(
    t,
    await askWith(issuer, second, { claims: { jti: 'j' } }),
    401,
    'invalid_client',
    'in another assertion',
  );
  const claims = { iss: 'nameless', sub: 'nameless', jti: 'j' };
  assertTokens(t, await askWith(issuer, nameless, { claims, header: { kid: undefined } }), "another client's");
  const line = issuer.log.findLast((line) => line.includes('client_assertion_replayed')) ?? '{}';
  t.match(JSON.parse(line), { event: 'refused', clientId: 'signer' });
  t.notMatch(issuer.log.join(''), /"j"|eyJ/, 'neither jti nor assertion is logged');
});

t.test('it works at /introspect and /revoke, and for the grants of people', async (t) => {
  const proof = async () => assertionForm(await assertionOf(first, issuer.clock.now));
  const { refresh_token: token } = await logIn(issuer, { client_id: 'signer', ...(await proof()) });
  const ask = async () => (await issuer.post('/introspect', { token: String(token), ...(await proof()) })).body;
  t.match(await ask(), { active: true, client_id: 'signer' });
  const form = { grant_type: 'refresh_token', refresh_token: String(token), ...(await proof()) };
  assertTokens(t, await issuer.post('/token', form));
});

t.test('an assertion used at one instance is refused at another', async (t) => {
  const here = await issuerWithClients(t, { provider: 'postgres', clients });
  const database = await openDatabase(here.database.url);
  t.teardown(() => database.close());
  const there = await testIssuer(t, 'sqlite', {
    shared: {
      clients: openClients(database),
      usedAssertions: openClientAssertions(database),
    },
  });
  there.clock.now = here.clock.now + 1000;
  const form = { grant_type: 'client_credentials', ...assertionForm(await assertionOf(first, here.clock.now)) };
  assertTokens(t, await here.post('/token', form));
  assertError(t, await there.post('/token', form), 401, 'invalid_client', 'on the other');
  assertTokens(t, await askWith(there, first), 'which takes a fresh one');
  t.equal(
    await here.usedAssertions.removeExpired(here.clock.now + 180_000 - 1, 10),
    0,
    'remembered while it could be taken',
  );
  t.equal(await here.usedAssertions.removeExpired(here.clock.now + 181_000, 10), 2);
});
