import fc from 'fast-check';
import type { HTTPMethods, InjectOptions } from 'fastify';
import t from 'tap';
import { aClient, basic, PASSWORD, PROVIDERS } from '../helper.js';
import { aService, FORM, issuerWithClients, SECRET } from '../rfc/setup.js';

const NAMES = [
  'grant_type',
  'client_id',
  'client_secret',
  'username',
  'password',
  'refresh_token',
  'scope',
  'resource',
];
const ODD = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  '\ufffe',
  '__proto__',
  'constructor',
  '%',
  '%00',
  '"',
  '\\',
  '\r\n',
  '🔑',
  ':',
];
const GOOD = ['password', 'refresh_token', 'client_credentials', 'app', 'service', SECRET, 'ada', PASSWORD, 'read'];
const TYPES = [FORM, 'application/json', `${FORM}; charset=latin1`, 'text/plain', 'multipart/form-data', '////', ''];
const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const PATHS = ['/token', '/token', '/token', '/.well-known/jwks.json', '/livez', '/nothing', '/%zz', '/token?x=%'];

const text = fc.oneof(fc.constantFrom(...GOOD), fc.constantFrom(...ODD), fc.string({ unit: 'binary', maxLength: 40 }));
const pair = fc.tuple(fc.oneof(fc.constantFrom(...NAMES, 'audience'), text), text);
const encode = (part: string) => encodeURIComponent(part.toWellFormed());
const form = fc.array(pair, { maxLength: 10 }).map((pairs) => pairs.map((two) => two.map(encode).join('=')).join('&'));
const json = fc.oneof(
  fc.array(pair).map((pairs) => JSON.stringify(Object.fromEntries(pairs))),
  fc.json({ maxDepth: 3 }),
);
const body = fc.oneof(
  form,
  json,
  fc.string({ maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('', 'x'.repeat(16_385)),
);
const latin1 = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
const authorization = fc.oneof(
  fc.tuple(text, text).map(([id, secret]) => basic(id.toWellFormed(), secret.toWellFormed())),
  fc.tuple(text, text).map(([id, secret]) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
  latin1,
);
const headers = fc.record(
  { 'content-type': fc.oneof(fc.constantFrom(...TYPES), latin1), authorization },
  { requiredKeys: [] },
);

/** Well-directed requests, of which many get as far as the database, and requests that are off in every way. */
const request: fc.Arbitrary<InjectOptions> = fc.oneof(
  fc.record({
    method: fc.constant<HTTPMethods>('POST'),
    url: fc.constant('/token'),
    headers: fc.record({ 'content-type': fc.constant(FORM), authorization }, { requiredKeys: ['content-type'] }),
    payload: form,
  }),
  fc.record({
    method: fc.constant<HTTPMethods>('POST'),
    url: fc.constant('/token'),
    headers: fc.constant({ 'content-type': 'application/json' }),
    payload: json,
  }),
  fc.record({ method: fc.constantFrom(...METHODS), url: fc.constantFrom(...PATHS), headers, payload: body }),
);

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: no request whatever is a 5xx, and every answer is JSON`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, clients: [aClient(), aService()] });
    const allowed = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;
    const property = fc.asyncProperty(request, async (options) => {
      const reply = await issuer.app.inject(options);
      if (reply.statusCode >= 500) throw new Error(`${reply.statusCode} ${reply.body}`);
      if (!/^application\/(jwk-set\+)?json/.test(String(reply.headers['content-type']))) throw new Error('not JSON');
      if (reply.headers['cache-control'] === undefined) throw new Error('no Cache-Control');
      if (options.method === 'HEAD') return;
      const answer = reply.json();
      if (reply.statusCode < 400) return;
      if (reply.headers['cache-control'] !== 'no-store') throw new Error('somebody may keep it');
      if (typeof answer.error !== 'string' || !allowed.test(answer.error_description)) throw new Error(reply.body);
    });
    await fc.assert(property, { numRuns: 1_000, seed: 6749 });
    t.equal(issuer.log.filter((line) => JSON.parse(line).level >= 50).length, 0, 'and nothing was logged as an error');
  });
}
