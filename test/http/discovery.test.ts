import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { withTiming } from '../../src/oauth/key-ring.js';
import { claimsOf, START } from '../helper.js';
import { revokedAt, rotatedAt } from '../keys/keeper-support.js';
import { aRotatingRing, EARLIEST_REMOVAL, EARLIEST_USE, somePairs, TIMING } from '../keys/support.js';
import { assertError, assertTokens, logIn, loginForm, refresh, SERVICE, send } from '../rfc/setup.js';
import { issuerWithRing, type RingIssuer } from './ring-support.js';
import { asBearer } from './support.js';

const JWKS = '/.well-known/jwks.json';
const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
const BLIND_MS = (3600 + 60 + 5) * 1000;

/** What somebody gets who has the document of a tag, or nothing yet. */
async function fetched(issuer: RingIssuer, url: string, tag?: string) {
  const headers = tag === undefined ? {} : { 'if-none-match': tag };
  const reply = await send(issuer, { url, headers });
  const { keys = [] } = reply.body as { keys?: { kid: string }[] };
  return { status: reply.status, tag: String(reply.headers['etag']), kids: keys.map(({ kid }) => kid), reply };
}

t.test('a JWKS with a new standby is another one as soon as the server looked, and the metadata stays', async (t) => {
  const issuer = await issuerWithRing(t);
  const before = await fetched(issuer, JWKS);
  const metadata = await fetched(issuer, METADATA[0] ?? '');
  const added = await rotatedAt(issuer.keys.store, START);
  t.equal((await fetched(issuer, JWKS, before.tag)).status, 304, 'not yet');
  await issuer.turned.tick();
  const after = await fetched(issuer, JWKS, before.tag);
  t.equal(after.status, 200);
  t.strictSame(after.kids, [...before.kids, added]);
  t.equal((await fetched(issuer, JWKS, after.tag)).status, 304);
  for (const url of METADATA) t.equal((await fetched(issuer, url, metadata.tag)).status, 304, url);
});

t.test('a JWKS without a revoked key is another one', async (t) => {
  const issuer = await issuerWithRing(t);
  const [first] = await somePairs();
  const before = await fetched(issuer, JWKS);
  await revokedAt(issuer.keys.store, first.key.kid, START);
  await issuer.turned.tick();
  const after = await fetched(issuer, JWKS, before.tag);
  t.equal(after.status, 200);
  t.notOk(after.kids.includes(first.key.kid));
  t.equal(after.kids.length, 2);
});

t.test('a key that is over leaves the JWKS by time alone', async (t) => {
  const issuer = await issuerWithRing(t, { ring: await aRotatingRing() });
  const [, standby] = await somePairs();
  const before = await fetched(issuer, JWKS);
  for (const now of [EARLIEST_USE, EARLIEST_REMOVAL - 1]) {
    issuer.clock.now = now;
    t.equal((await fetched(issuer, JWKS, before.tag)).status, 304, 'who signs is not in it');
  }
  issuer.clock.now = EARLIEST_REMOVAL;
  const after = await fetched(issuer, JWKS, before.tag);
  t.strictSame([after.status, after.kids], [200, [standby.key.kid]]);
});

t.test('max-age is that of the ring in force, for all documents and for 304', async (t) => {
  const issuer = await issuerWithRing(t);
  const { tag } = await fetched(issuer, JWKS);
  const ages = async () => {
    const replies = [JWKS, ...METADATA].map((url) => fetched(issuer, url));
    const all = [...(await Promise.all(replies)), await fetched(issuer, JWKS, tag)];
    return [...new Set(all.map(({ reply }) => reply.headers['cache-control']))];
  };
  t.strictSame(await ages(), ['public, max-age=300']);
  for (const jwksMaxAgeSeconds of [17, 0]) {
    const timing = { ...TIMING, jwksMaxAgeSeconds };
    await issuer.keys.store.change((ring) => ({ ring: withTiming(ring, timing, START + 1), added: [], value: true }));
    await issuer.turned.tick();
    t.strictSame(await ages(), [`public, max-age=${jwksMaxAgeSeconds}`]);
  }
});

t.test('without a ring to sign by there are no tokens for now; what is out goes on verifying', async (t) => {
  const issuer = await issuerWithRing(t);
  const { turned, keys } = issuer;
  const tokens = await logIn(issuer);
  const service = await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE);
  const before = await fetched(issuer, JWKS);
  const path = join(keys.folder, 'ring.json');
  chmodSync(path, 0o644);
  turned.steady.ms += BLIND_MS + 1;
  await turned.tick();
  const refused = {
    login: await issuer.post('/token', loginForm()),
    refresh: await refresh(issuer, tokens['refresh_token']),
    client: await issuer.post('/token', { grant_type: 'client_credentials' }, SERVICE),
  };
  for (const [name, reply] of Object.entries(refused)) {
    assertError(t, reply, 503, 'temporarily_unavailable', name);
    t.match(reply.headers['retry-after'], /^[1-9]\d*$/, `${name}: Retry-After`);
  }
  t.match(issuer.log.join(''), /"event":"signing_unavailable"/);
  t.equal((await fetched(issuer, JWKS, before.tag)).status, 304);
  t.strictSame((await fetched(issuer, JWKS)).kids, before.kids);
  t.equal((await asBearer(issuer, 'GET', '/userinfo', tokens['access_token'])).status, 200);
  const form = { token: String(service.body['access_token']) };
  t.match((await issuer.post('/introspect', form, SERVICE)).body, { active: true });
  const unready = await send(issuer, { url: '/readyz' });
  t.match(unready, { status: 503, body: { status: 'not ready', checks: { keys: false }, key_ring: { faulty: true } } });

  chmodSync(path, 0o600);
  await turned.tick();
  t.match(await send(issuer, { url: '/readyz' }), { status: 200, body: { status: 'ready' } });
  assertTokens(t, await refresh(issuer, tokens['refresh_token']), 'the refresh token that was refused for now');
  assertTokens(t, await issuer.post('/token', loginForm()), 'a login');
});

t.test('tokens are by the key whose time it is, and verify with the JWKS of that time', async (t) => {
  const issuer = await issuerWithRing(t, { ring: await aRotatingRing() });
  const [first, standby] = await somePairs();
  for (const [now, { key }] of [
    [EARLIEST_USE - 1, first],
    [EARLIEST_USE, standby],
  ] as const) {
    issuer.clock.now = now;
    const { access_token: token } = await logIn(issuer);
    const header = JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString());
    t.strictSame(header, { alg: 'RS256', typ: 'at+jwt', kid: key.kid });
    t.equal(claimsOf(token)['iat'], Math.floor(now / 1000));
  }
});
