import { createHash, createPublicKey } from 'node:crypto';
import t from 'tap';
import { issuerWithClients, send } from './setup.js';

type Jwk = Record<string, string>;
const URL = '/.well-known/jwks.json';

async function keys(): Promise<Jwk[]> {
  return (await send(issuer, { url: URL })).body['keys'] as Jwk[];
}

const issuer = await issuerWithClients(t);

t.test('§5, §8.5.2: the key set is application/jwk-set+json with the one member "keys"', async (t) => {
  const reply = await send(issuer, { url: URL });
  t.equal(reply.status, 200);
  t.match(reply.headers['content-type'], /^application\/jwk-set\+json(;|$)/);
  t.strictSame(Object.keys(reply.body), ['keys']);
  t.equal((reply.body['keys'] as Jwk[]).length, 2, 'the key that signs and the one standing by');
});

t.test('§9.2: never a private member: kty, use, alg, kid, n and e are all there is', async (t) => {
  for (const key of await keys()) {
    t.strictSame(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
    t.strictSame([key['kty'], key['use'], key['alg']], ['RSA', 'sig', 'RS256']);
  }
  t.notMatch((await send(issuer, { url: URL })).text, /"(d|p|q|dp|dq|qi|oth|k)"|PRIVATE/);
});

t.test('§4.5: the kids are distinct, and RFC 7638 §3: each is the SHA-256 thumbprint of its key', async (t) => {
  const all = await keys();
  t.equal(new Set(all.map(({ kid }) => kid)).size, all.length);
  for (const { e, n, kty, kid } of all) {
    t.equal(createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url'), kid);
  }
});

t.test('RFC 7518 §3.3, §6.3.1: RSA keys of 2048 bits, numbers without a leading zero octet or padding', async (t) => {
  for (const jwk of await keys()) {
    const { n, e } = jwk;
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    t.ok((key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048);
    for (const text of [n ?? '', e ?? '']) {
      t.match(text, /^[A-Za-z0-9_-]+$/);
      t.not(Buffer.from(text, 'base64url')[0], 0);
    }
  }
});

t.test('anyone may read it from any page and keep it for its max-age', async (t) => {
  const { headers } = await send(issuer, { url: URL, headers: { origin: 'https://evil.example' } });
  t.equal(headers['cache-control'], 'public, max-age=300');
  t.equal(headers['access-control-allow-origin'], '*');
  t.equal(headers['access-control-allow-credentials'], undefined);
  t.equal(headers['set-cookie'], undefined);
});

t.test('HEAD says the same without the body; other methods are refused', async (t) => {
  const get = await send(issuer, { url: URL });
  const head = await send(issuer, { method: 'HEAD', url: URL });
  t.equal(head.status, 200);
  t.equal(head.text, '');
  for (const name of ['content-type', 'content-length', 'cache-control', 'access-control-allow-origin']) {
    t.equal(head.headers[name], get.headers[name], name);
  }
  for (const method of ['POST', 'PUT', 'DELETE'] as const) {
    const reply = await send(issuer, { method, url: URL });
    t.equal(reply.status, 405, method);
    t.equal(reply.headers['allow'], 'GET, HEAD', method);
  }
});
