import t from 'tap';
import {
  algorithmsOf,
  assertionId,
  type ClientAssertion,
  checkClientAssertion,
  JWT_BEARER,
  jwksOf,
  keysFor,
  readClientAssertion,
} from '../../src/oauth/client-assertion.js';
import { presentedClient } from '../../src/oauth/client-authentication.js';
import { ok, refuse } from '../../src/oauth/result.js';
import { aClient, ISSUER, START } from '../helper.js';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const NOW = START / 1000;
const HEADER = { alg: 'ES256' };
const CLAIMS = { iss: 'signer', sub: 'signer', aud: ISSUER, exp: NOW + 60, jti: 'one' };
const jwt = (header: unknown = HEADER, claims: unknown = CLAIMS) => `${encode(header)}.${encode(claims)}.c2ln`;
const malformed = refuse({ reason: 'client_assertion_malformed' });
const notAllowed = refuse({ reason: 'client_assertion_header_not_allowed' });

t.test('an assertion is read, and keys in its header are not looked at', async (t) => {
  const headers = [{}, { kid: 'k' }, { typ: 'JWT' }, { typ: 'jwt' }, { typ: 'client-authentication+jwt' }];
  const ignored = { jwk: { kty: 'EC' }, jku: 'https://evil.example', x5u: 'https://evil.example', x5c: [] };
  for (const more of [...headers, ignored]) {
    const text = jwt({ ...HEADER, ...more });
    const kid = 'kid' in more ? more.kid : undefined;
    t.strictSame(
      readClientAssertion(text),
      ok({ text, algorithm: 'ES256', kid, claims: CLAIMS }),
      JSON.stringify(more),
    );
  }
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'])
    t.equal(readClientAssertion(jwt({ alg })).ok, true, alg);
});

t.test('what is not a JWT of this kind is refused', async (t) => {
  const [head, body, signature] = jwt().split('.');
  const texts = {
    empty: '',
    'two parts': `${head}.${body}`,
    'four parts': `${jwt()}.x`,
    'no signature': `${head}.${body}.`,
    'a signature that is not base64url': `${head}.${body}.c2ln=`,
    'padding in the header': `${head}=.${body}.${signature}`,
    'plain base64': `${head}.${Buffer.from('{"a":"\u00ff\u00fe>>>?"}').toString('base64')}.${signature}`,
    'a header that is a list': `${encode([])}.${body}.${signature}`,
    'claims that are null': `${head}.${encode(null)}.${signature}`,
    'claims that are not JSON': `${head}.${Buffer.from('{').toString('base64url')}.${signature}`,
    'claims that are not UTF-8': `${head}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.${signature}`,
    'white space': ` ${jwt()}`,
    'a kid that is a number': jwt({ ...HEADER, kid: 1 }),
  };
  for (const [sentence, text] of Object.entries(texts)) t.strictSame(readClientAssertion(text), malformed, sentence);
  const headers = [
    ...['none', 'None', 'HS256', 'HS512', 'RS384', 'RS1', 'ES384', 'ES256K', 'es256', '', null, 1].map((alg) => ({
      alg,
    })),
    {},
    ...['at+jwt', 'JOSE', 'dpop+jwt', '', null, 1, ['JWT'], 'application/at+jwt'].map((typ) => ({ ...HEADER, typ })),
    { ...HEADER, crit: [] },
    { ...HEADER, crit: ['b64'], b64: false },
  ];
  for (const header of headers) t.strictSame(readClientAssertion(jwt(header)), notAllowed, JSON.stringify(header));
});

const READ: Omit<ClientAssertion, 'claims'> = { text: '', algorithm: 'ES256', kid: undefined };
const check = (claims: Readonly<Record<string, unknown>>, now = START, skewSeconds = 60) =>
  checkClientAssertion({ ...READ, claims: { ...CLAIMS, ...claims } }, 'signer', ISSUER, now, skewSeconds);

const REFUSED = {
  client_assertion_of_another: [
    ...[{ iss: 'app' }, { sub: 'app' }, { iss: undefined }, { sub: undefined }, { iss: ['signer'] }, { iss: 'SIGNER' }],
  ],
  client_assertion_audience: [
    ...[
      `${ISSUER}/token`,
      `${ISSUER}/`,
      '',
      undefined,
      null,
      [],
      [ISSUER, ISSUER],
      [ISSUER, 'x'],
      [[ISSUER]],
      { 0: ISSUER },
    ],
    ...['signer', ISSUER.toUpperCase()],
  ].map((aud) => ({ aud })),
  client_assertion_times_malformed: [
    ...[undefined, null, 'soon', `${NOW + 60}`, [NOW + 60]].map((exp) => ({ exp })),
    ...[null, `${NOW}`].flatMap((time) => [{ iat: time }, { nbf: time }]),
  ],
  client_assertion_expired: [NOW - 60, NOW - 61, 0, -1].map((exp) => ({ exp })),
  client_assertion_too_long: [NOW + 360.001, NOW + 361, 2 ** 53].map((exp) => ({ exp })),
  client_assertion_too_early: [NOW + 60.001, NOW + 61].flatMap((time) => [{ iat: time }, { nbf: time }]),
  client_assertion_without_jti: [undefined, null, '', 7, 'x'.repeat(257), ['one']].map((jti) => ({ jti })),
} as const;

t.test('RFC 7523 §3: each claim wrong once', async (t) => {
  for (const [reason, rows] of Object.entries(REFUSED)) {
    for (const claims of rows) {
      t.match(check(claims), { ok: false, refusal: { reason, clientId: 'signer' } }, JSON.stringify(claims));
    }
  }
});

t.test('what is good, up to the limits', async (t) => {
  const good = [
    ...[{}, { aud: [ISSUER] }, { jti: 'x' }, { jti: 'x'.repeat(256) }, { exp: NOW - 59.999 }, { exp: NOW + 360 }],
    ...[{ iat: NOW + 60 }, { nbf: NOW + 60 }, { iat: NOW - 10_000 }, { exp: NOW + 1.5 }],
  ];
  for (const claims of good) t.equal(check(claims).ok, true, JSON.stringify(claims));
  t.equal(check({ exp: NOW }, START, 0).ok, false, 'without skew, now is over');
  t.equal(check({ exp: NOW + 300 }, START, 0).ok, true);
  t.equal(check({ exp: NOW + 301 }, START, 0).ok, false);
});

t.test('it is remembered for as long as any instance could take it', async (t) => {
  const exp = NOW + 60.0005;
  const accepted = check({ exp });
  t.ok(accepted.ok && accepted.value.rememberUntil >= (exp + 120) * 1000, 'its expiry, and the skew on both sides');
  t.strictSame(accepted.ok && accepted.value.id, assertionId('signer', 'one'));
});

t.test('no two pairs of client and jti are taken for one', async (t) => {
  const pairs = [
    ...[['a', 'bc'] as const, ['ab', 'c'] as const, ['a', '"c'] as const, ['a', '\ud800'] as const],
    ...[['a', '\ud801'] as const, ['a', '\ufffd'] as const, ['a', 'BC'] as const, ['a', 'bc\0'] as const],
  ];
  const ids = new Set(pairs.map(([clientId, jti]) => Buffer.from(assertionId(clientId, jti)).toString('hex')));
  t.equal(ids.size, pairs.length);
});

const RSA = { kty: 'RSA', n: 'n', e: 'e', kid: 'r' };
const EC = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'e' };
const OKP = { kty: 'OKP', crv: 'Ed25519', x: 'x' };

t.test('the keys that may have signed', async (t) => {
  const jwks = { keys: [RSA, { ...RSA, kid: 'p', alg: 'PS256' }, EC, { ...EC, kid: 'e2' }, OKP] };
  const chosen = (algorithm: ClientAssertion['algorithm'], kid?: string) =>
    keysFor({ algorithm, kid, text: '', claims: {} }, jwks).map((key) => key['kid'] ?? key['kty']);
  t.strictSame(chosen('ES256'), ['e', 'e2'], 'without kid all that fit');
  t.strictSame(chosen('ES256', 'e2'), ['e2']);
  t.strictSame(chosen('ES256', 'r'), [], 'a kid of another kind of key');
  t.strictSame(chosen('ES256', 'x'), []);
  t.strictSame(chosen('ES256', ''), []);
  t.strictSame(chosen('RS256'), ['r'], 'one is kept for PS256');
  t.strictSame(chosen('PS256'), ['r', 'p']);
  t.strictSame([chosen('EdDSA'), chosen('Ed25519')], [['OKP'], ['OKP']], 'two names of one thing (RFC 9864)');
  t.strictSame(algorithmsOf(OKP), ['EdDSA', 'Ed25519']);
  t.strictSame(algorithmsOf({ kty: 'EC', crv: 'P-384' }), []);
});

t.test('who can sign', async (t) => {
  const jwks = { keys: [EC] };
  const client = aClient({ kind: 'confidential', jwks });
  t.strictSame(jwksOf(client), ok({ client, jwks }));
  t.strictSame(jwksOf(null), refuse({ reason: 'client_unknown' }));
  t.strictSame(jwksOf({ ...client, kind: 'public' }), refuse({ reason: 'client_is_public', clientId: client.id }));
  const method = refuse({ reason: 'client_authentication_method_wrong', clientId: 'app' });
  t.strictSame(jwksOf({ ...client, jwks: null }), method);
});

t.test('an assertion in a request says whose it is (RFC 7521 §4.2)', async (t) => {
  const ask = (form: Record<string, string>) =>
    presentedClient(undefined, new Map(Object.entries(form).map(([name, value]) => [name, [value]])));
  const form = { client_assertion_type: JWT_BEARER, client_assertion: jwt() };
  t.match(ask(form), { ok: true, value: { method: 'private_key_jwt', clientId: 'signer' } });
  t.match(ask({ ...form, client_id: 'signer' }), { ok: true, value: { clientId: 'signer' } });
  t.strictSame(ask({ ...form, client_id: 'app' }), malformed);
  const unknownType = refuse({ reason: 'client_assertion_type_unknown' });
  t.strictSame(ask({ client_assertion: jwt() }), unknownType);
  for (const type of ['urn:ietf:params:oauth:client-assertion-type:saml2-bearer', JWT_BEARER.toUpperCase()]) {
    t.strictSame(ask({ ...form, client_assertion_type: type }), unknownType, type);
  }
  t.strictSame(ask({ client_assertion_type: JWT_BEARER, client_id: 'app' }), malformed, 'a type without an assertion');
  const by = (sub: unknown) => ask({ ...form, client_assertion: jwt(HEADER, { ...CLAIMS, sub }) });
  t.strictSame(by(undefined), malformed);
  t.strictSame(by('a b'), refuse({ reason: 'client_unknown' }), 'no client can have this id: it is not looked up');
});
