import { request } from 'node:http';
import t, { type Test } from 'tap';
import type { Reply, TestIssuer } from '../helper.js';
import { issuerWithClients, listening, send } from './setup.js';

const TYPES: Readonly<Record<string, string>> = {
  '/.well-known/jwks.json': 'application/jwk-set+json',
  '/.well-known/oauth-authorization-server': 'application/json',
  '/.well-known/openid-configuration': 'application/json',
};
const DOCUMENTS = Object.keys(TYPES);

const issuer = await issuerWithClients(t);

const get = (url: string, headers: Record<string, string> = {}) => send(issuer, { url, headers });

async function tagOf(url: string): Promise<string> {
  return String((await get(url)).headers['etag']);
}

/** Holds a 304 against §15.4.5: what a cache needs to go on with what it has, and nothing that speaks of a body. */
function assertNotModified(t: Test, reply: Reply & { text: string }, tag: string, what: string): void {
  t.equal(reply.status, 304, `${what}: status`);
  t.equal(reply.text, '', `${what}: no body`);
  t.equal(reply.headers['etag'], tag, `${what}: ETag`);
  t.equal(reply.headers['cache-control'], 'public, max-age=300', `${what}: Cache-Control`);
  t.equal(reply.headers['access-control-allow-origin'], '*', `${what}: any page may read it`);
  t.equal(reply.headers['content-type'], undefined, `${what}: no Content-Type`);
  t.notOk(Number(reply.headers['content-length'] ?? 0) > 0, `${what}: no length of a body that is not there`);
}

t.test('§8.8.3: a strong tag, the same for the same bytes; §5.2 of RFC 9111: max-age, public', async (t) => {
  const tags = new Set<string>();
  for (const [url, type] of Object.entries(TYPES)) {
    const [one, two] = [await get(url), await get(url, { 'user-agent': 'other', accept: 'text/html' })];
    for (const { status, headers } of [one, two]) {
      t.equal(status, 200);
      t.match(headers['etag'], /^"[\x21\x23-\x7e]+"$/, 'quoted, and not weak');
      t.equal(headers['cache-control'], 'public, max-age=300');
      t.equal(headers['access-control-allow-origin'], '*');
      t.match(String(headers['content-type']), new RegExp(`^${type.replace('+', '\\+')}(;|$)`));
      t.equal(Number(headers['content-length']), Buffer.byteLength(one.text));
    }
    t.equal(two.text, one.text);
    t.equal(two.headers['etag'], one.headers['etag']);
    tags.add(String(one.headers['etag']));
  }
  t.equal(tags.size, 2, 'the two addresses of the metadata are one document, the JWKS another');
});

t.test('§13.1.2, §15.4.5: whoever has it already gets 304 and no body', async (t) => {
  for (const url of DOCUMENTS) {
    const tag = await tagOf(url);
    const have = [tag, `W/${tag}`, `"x", ${tag}`, `${tag}, "x"`, `"x",${tag},W/"y"`, `W/"x" , W/${tag}`, '*'];
    for (const noneMatch of have) {
      assertNotModified(t, await get(url, { 'if-none-match': noneMatch }), tag, `${url} ${noneMatch}`);
    }
  }
});

t.test('§13.1.2: whoever has something else gets it', async (t) => {
  for (const url of DOCUMENTS) {
    const plain = await get(url);
    const tag = String(plain.headers['etag']);
    const bare = tag.slice(1, -1);
    const others = ['"x"', '""', bare, `"${bare}x"`, `"x${bare}"`, tag.toLowerCase(), 'W/"x", "y"', '"*"', '', ','];
    for (const noneMatch of others) {
      const reply = await get(url, { 'if-none-match': noneMatch });
      t.equal(reply.status, 200, `${url} ${noneMatch}`);
      t.equal(reply.text, plain.text);
    }
  }
  const jwksTag = await tagOf('/.well-known/jwks.json');
  const mixed = await get('/.well-known/openid-configuration', { 'if-none-match': jwksTag });
  t.equal(mixed.status, 200, 'the tag of another document');
});

t.test('§13.1.3: If-Modified-Since alone says nothing here, and beside If-None-Match is ignored', async (t) => {
  for (const url of DOCUMENTS) {
    const since = { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' };
    t.equal((await get(url, since)).status, 200);
    t.equal((await get(url, { ...since, 'if-none-match': '"x"' })).status, 200);
    const past = { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT', 'if-none-match': await tagOf(url) };
    t.equal((await get(url, past)).status, 304);
  }
});

t.test('§9.3.2: HEAD says the same as GET, conditions included', async (t) => {
  for (const url of DOCUMENTS) {
    const plain = await get(url);
    const head = await send(issuer, { method: 'HEAD', url });
    t.equal(head.status, 200);
    t.equal(head.text, '');
    for (const name of ['etag', 'cache-control', 'content-type', 'content-length', 'access-control-allow-origin']) {
      t.equal(head.headers[name], plain.headers[name], `${url}: ${name}`);
    }
    const tag = String(plain.headers['etag']);
    const unchanged = await send(issuer, { method: 'HEAD', url, headers: { 'if-none-match': tag } });
    assertNotModified(t, unchanged, tag, `HEAD ${url}`);
  }
});

t.test('RFC 9111 §5.2.1.4: whoever wants no stored answer gets the whole one', async (t) => {
  for (const url of DOCUMENTS) {
    const headers = { 'cache-control': 'no-cache', 'if-none-match': await tagOf(url) };
    t.equal((await get(url, headers)).status, 200);
  }
});

t.test('what is not there, or asked for wrongly, has no tag and is not kept', async (t) => {
  for (const url of DOCUMENTS) {
    const headers = { 'if-none-match': await tagOf(url) };
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
      const reply = await send(issuer, { method, url, headers });
      t.equal(reply.status, 405, method);
      t.equal(reply.headers['allow'], 'GET, HEAD', method);
      t.equal(reply.headers['etag'], undefined, method);
      t.equal(reply.headers['cache-control'], 'no-store', method);
    }
  }
});

/** What really comes over a socket. */
function overSocket(
  url: string,
  noneMatch: readonly string[],
): Promise<{ status?: number; bytes: number; raw: string[] }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { headers: ['host', new URL(url).host, ...noneMatch.flatMap((tag) => ['if-none-match', tag])] },
      (reply) => {
        let bytes = 0;
        reply.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        reply.on('end', () => resolve({ status: reply.statusCode ?? 0, bytes, raw: reply.rawHeaders }));
      },
    );
    sent.on('error', reject).end();
  });
}

t.test('§5.3: over a real connection, with the tags on several lines, and every header once', async (t) => {
  const listeningIssuer: TestIssuer = await issuerWithClients(t);
  const origin = await listening(listeningIssuer);
  for (const url of DOCUMENTS) {
    const tag = String((await send(listeningIssuer, { url })).headers['etag']);
    const unchanged = await overSocket(origin + url, ['"x"', tag]);
    t.match(unchanged, { status: 304, bytes: 0 });
    const whole = await overSocket(origin + url, ['"x"', '"y"']);
    t.equal(whole.status, 200);
    t.ok(whole.bytes > 100);
    for (const { raw } of [unchanged, whole]) {
      const names = raw.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
      t.equal(new Set(names).size, names.length);
    }
  }
});
