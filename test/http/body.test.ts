import t from 'tap';
import { claimsOf } from '../helper.js';
import { assertError, assertTokens, FORM, issuerWithClients, loginForm, sendBody } from '../rfc/setup.js';

const issuer = await issuerWithClients(t);
const JSON_TYPE = 'application/json';
const form = new URLSearchParams(loginForm()).toString();
const post = (contentType: string, payload: string | Buffer) => sendBody(issuer, contentType, payload);

t.test('a form and a flat JSON object are read, whatever the case and the parameters of the media type', async (t) => {
  const types = [FORM, `${FORM}; charset=UTF-8`, `${FORM};charset=utf-8`, 'Application/X-WWW-Form-Urlencoded'];
  for (const type of types) assertTokens(t, await post(type, form), type);
  for (const type of [JSON_TYPE, 'Application/JSON', 'application/json; charset=utf-8']) {
    assertTokens(t, await post(type, JSON.stringify(loginForm())), type);
  }
});

t.test('every other media type, and none, is invalid_request', async (t) => {
  const types = [
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonp',
    'application/x-www-form-urlencodedx',
    'x-application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded, application/json',
    'application/vnd.api+json',
    'application/*',
    '*/*',
    '////',
    'json',
    '__proto__',
    'application/json\u00a0',
  ];
  for (const type of types) assertError(t, await post(type, form), 400, 'invalid_request', type);
  const bare = await issuer.app.inject({ method: 'POST', url: '/token', payload: Buffer.from(form) });
  t.equal(bare.statusCode, 400);
  t.equal(bare.json().error, 'invalid_request');
  const empty = await issuer.app.inject({ method: 'POST', url: '/token' });
  t.equal(empty.json().error, 'invalid_request', 'no body at all');
});

t.test('a form with broken encoding is invalid_request', async (t) => {
  const broken = {
    'a lone %': `${form}&x=%`,
    'half an escape': `${form}&x=%4`,
    'no hex digits': `${form}&x=%zz`,
    'a broken name': `${form}&%zz=x`,
    'escaped bytes that are not UTF-8': `${form}&x=%ff`,
    'an overlong escape of /': `${form}&x=%c0%af`,
    'an escaped surrogate': `${form}&x=%ed%a0%80`,
    'half a character': `${form}&x=%f0%9f%94`,
    'raw bytes that are not UTF-8': Buffer.concat([Buffer.from(`${form}&x=`), Buffer.from([0xff])]),
    latin1: Buffer.from(`${form}&x=é`, 'latin1'),
  };
  for (const [what, body] of Object.entries(broken))
    assertError(t, await post(FORM, body), 400, 'invalid_request', what);
});

t.test('a byte order mark is part of what it stands before', async (t) => {
  t.not((await post(FORM, `\ufeff${form}`)).status, 200);
  assertError(t, await post(JSON_TYPE, `\ufeff${JSON.stringify(loginForm())}`), 400, 'invalid_request');
});

t.test('JSON that is not a flat object of strings is invalid_request', async (t) => {
  const values = [null, true, 1, 'x', [], [loginForm()], { ...loginForm(), password: 1 }];
  const members = [null, 1, true, {}, [], ['a'], [['a']], { a: 1 }, '\ud800'];
  const bodies = [
    ...values.map((value) => JSON.stringify(value)),
    ...members.map((value) => JSON.stringify({ ...loginForm(), scope: value })),
    ...[1, {}, [1], [['x']], [null]].map((value) => JSON.stringify({ ...loginForm(), resource: value })),
    '',
    '{',
    '{}x',
    "{'grant_type':'password'}",
    '{"grant_type":"password",}',
    'NaN',
    '['.repeat(8000),
    '{"a":'.repeat(3000),
    form,
  ];
  for (const body of bodies) assertError(t, await post(JSON_TYPE, body), 400, 'invalid_request', body.slice(0, 60));
});

t.test('a name twice in JSON is invalid_request, however it is written', async (t) => {
  const start = JSON.stringify(loginForm()).slice(0, -1);
  for (const more of ['"password":"x"', '"pass\\u0077ord":"x"', '"x":"","x":""', '"x" : "1" , "x" : "2"']) {
    assertError(t, await post(JSON_TYPE, `${start},${more}}`), 400, 'invalid_request', more);
  }
});

t.test('JSON with odd names and values is read like any other', async (t) => {
  const odd: readonly Readonly<Record<string, string>>[] = [
    { __proto__x: 'a', constructor: 'b', toString: 'c' },
    { x: '":"', y: '\\":', z: '{"a":"b"}' },
    { '"': '"', '\\': '\\' },
    { ':x': 'y' },
    { ':': ':', '::': '::' },
    { 'a:': ':b' },
  ];
  for (const more of odd) {
    assertTokens(t, await post(JSON_TYPE, JSON.stringify({ ...loginForm(), ...more })), JSON.stringify(more));
  }
  const proto = JSON.stringify(loginForm()).replace('{', '{"__proto__":"x",');
  assertTokens(t, await post(JSON_TYPE, proto), '__proto__');
  const target = { ...loginForm(), resource: ['http://localhost:4000', ':b'] };
  assertError(t, await post(JSON_TYPE, JSON.stringify(target)), 400, 'invalid_target', 'a resource that begins with :');
});

t.test('an empty array of resources asks for none', async (t) => {
  const reply = await post(JSON_TYPE, JSON.stringify({ ...loginForm(), resource: [], audience: [] }));
  assertTokens(t, reply);
  t.equal(claimsOf(reply.body['access_token'])['aud'], 'http://localhost:4000');
});

t.test('16 KiB are read, one byte more is 413', async (t) => {
  for (const [type, open, close] of [
    [FORM, `${form}&x=`, ''],
    [JSON_TYPE, `${JSON.stringify(loginForm()).slice(0, -1)},"x":"`, '"}'],
  ] as const) {
    const filled = (bytes: number) => open + 'x'.repeat(bytes - open.length - close.length) + close;
    assertTokens(t, await post(type, filled(16_384)), type);
    assertError(t, await post(type, filled(16_385)), 413, 'invalid_request', type);
    assertError(t, await post(type, filled(1_000_000)), 413, 'invalid_request', type);
  }
});

t.test('thousands of parameters are no trouble', async (t) => {
  const many = Array.from({ length: 2_000 }, (_, i) => `p${i}=`).join('&');
  assertTokens(t, await post(FORM, `${form}&${many}`));
  assertTokens(t, await post(FORM, `${form}${'&'.repeat(15_000)}`));
  const resources = 'resource=a:b&'.repeat(1_000);
  assertError(t, await post(FORM, `${resources}${form}`), 400, 'invalid_target');
});
