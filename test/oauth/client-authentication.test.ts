import t from 'tap';
import { JWT_BEARER } from '../../src/oauth/client-assertion.js';
import {
  authenticateClient,
  CLIENT_AUTHENTICATION_METHODS,
  type PresentedSecret,
  presentedClient,
} from '../../src/oauth/client-authentication.js';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { ok, refuse } from '../../src/oauth/result.js';
import { aClient, basic } from '../helper.js';

/** `Basic` over text exactly as it stands. */
const raw = (text: string, scheme = 'Basic') => `${scheme} ${Buffer.from(text).toString('base64')}`;
const body = (members: Record<string, string>) =>
  new Map(Object.entries(members).map(([name, value]) => [name, [value]]));
const byBasic = (clientId: string, secret: string | undefined) =>
  ok({ method: 'client_secret_basic', clientId, secret });
const malformed = refuse({ reason: 'authorization_header_malformed' });

t.test('the methods are named as RFC 7591 §2 names them', async (t) => {
  t.strictSame(CLIENT_AUTHENTICATION_METHODS, ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']);
});

const HEADERS: readonly [sentence: string, header: string, clientId: string, secret: string | undefined][] = [
  ['id and secret', raw('app:s3cret'), 'app', 's3cret'],
  ['the scheme in lower case (RFC 9110 §11.1)', raw('app:s3cret', 'basic'), 'app', 's3cret'],
  ['the scheme in capitals', raw('app:s3cret', 'BASIC'), 'app', 's3cret'],
  ['several spaces after the scheme (RFC 9110 §11.4)', raw('app:s3cret', 'Basic  '), 'app', 's3cret'],
  ['the first colon divides, others are in the secret (RFC 7617 §2)', raw('app:a:b:c'), 'app', 'a:b:c'],
  ['both halves are form-decoded (RFC 6749 §2.3.1)', raw('my%2Dapp:p%25+%C3%A9%2B'), 'my-app', 'p% é+'],
  ['what the form encoding made is read back', basic('a-b', 'ü+%&= :'), 'a-b', 'ü+%&= :'],
  ['padding may be left out', raw('app:s3cre').replace('=', ''), 'app', 's3cre'],
  ['an empty secret is none at all', raw('app:'), 'app', undefined],
  ['padding of one', raw('app:s3cre'), 'app', 's3cre'],
  ['padding of two', raw('app:s3cr'), 'app', 's3cr'],
];

t.test('Basic credentials are read (RFC 7617 §2, RFC 6749 §2.3.1)', async (t) => {
  for (const [sentence, header, clientId, secret] of HEADERS) {
    t.strictSame(presentedClient(header, body({})), byBasic(clientId, secret), sentence);
  }
});

const MALFORMED: readonly [sentence: string, header: string][] = [
  ['empty', ''],
  ['the scheme alone', 'Basic'],
  ['the scheme and a space', 'Basic '],
  ['another scheme', 'Bearer abc'],
  ['another scheme with good credentials', raw('app:s3cret', 'Digest')],
  ['a scheme that begins alike', raw('app:s3cret', 'Basics')],
  ['no space after the scheme', raw('app:s3cret').replace(' ', '')],
  ['a tab after the scheme', raw('app:s3cret').replace(' ', '\t')],
  ['not base64', 'Basic a*b'],
  ['base64url', 'Basic YTo_-w=='],
  ['a space within', 'Basic YXBw OnM='],
  ['two credentials', `${raw('app:s3cret')}, ${raw('app:s3cret')}`],
  ['only padding', 'Basic =='],
  ['too much padding', 'Basic YTpi==='],
  ['no colon', raw('app')],
  ['an empty id', raw(':s3cret')],
  ['nothing but a colon', raw(':')],
  ['an id with a % that encodes nothing', raw('a%zz:s3cret')],
  ['a secret with a % at its end', raw('app:100%')],
  ['a secret that decodes to ill-formed UTF-8', raw('app:%ff')],
  ['an id that decodes to a surrogate', raw('%ED%A0%80:s3cret')],
];

t.test('an id that no client can have is not looked up: nobody', async (t) => {
  const unknown = refuse({ reason: 'client_unknown' });
  for (const id of ['a:b', 'a b', 'é', '\0', 'a\0b', 'x'.repeat(65), '../app', "a'--"]) {
    t.strictSame(presentedClient(basic(id, 's3cret'), body({})), unknown, `${JSON.stringify(id)} in the header`);
    t.strictSame(presentedClient(undefined, body({ client_id: id })), unknown, `${JSON.stringify(id)} in the body`);
  }
});

t.test('a malformed Authorization header is a failed authentication', async (t) => {
  for (const [sentence, header] of MALFORMED) {
    t.strictSame(presentedClient(header, body({})), malformed, sentence);
    t.strictSame(presentedClient(header, body({ client_id: 'app' })), malformed, `${sentence}, with client_id`);
  }
});

t.test('bytes that are not UTF-8 are malformed rather than U+FFFD: two secrets must not look alike', async (t) => {
  const header = `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`;
  t.strictSame(presentedClient(header, body({})), malformed);
});

t.test('base64 that no encoder writes is malformed (RFC 4648 §3.5)', async (t) => {
  for (const text of ['YTpiY', 'YTpi=', 'YTpiYx=='])
    t.strictSame(presentedClient(`Basic ${text}`, body({})), malformed);
});

t.test('credentials in the body (RFC 6749 §2.3.1)', async (t) => {
  t.strictSame(
    presentedClient(undefined, body({ client_id: 'app', client_secret: 's3cret' })),
    ok({ method: 'client_secret_post', clientId: 'app', secret: 's3cret' }),
  );
  t.strictSame(
    presentedClient(undefined, body({ client_id: 'app' })),
    ok({ method: 'none', clientId: 'app', secret: undefined }),
  );
  t.strictSame(presentedClient(undefined, body({})), refuse({ reason: 'client_not_named' }));
  t.strictSame(presentedClient(undefined, body({ client_secret: 's' })), refuse({ reason: 'client_not_named' }));
});

t.test('a client must not use more than one method in a request (RFC 6749 §2.3)', async (t) => {
  const twice = refuse({ reason: 'client_authentication_twice' });
  const header = raw('app:s3cret');
  const rows: readonly [string, Record<string, string>][] = [
    ['the same secret in the body', { client_id: 'app', client_secret: 's3cret' }],
    ['another secret in the body', { client_id: 'app', client_secret: 'other' }],
    ['a secret without client_id', { client_secret: 's3cret' }],
    ['another client_id', { client_id: 'other' }],
    ['the same client_id in capitals', { client_id: 'APP' }],
    ['an assertion (RFC 7521 §4.2)', { client_assertion: 'a.b.c' }],
    ['the type of an assertion', { client_assertion_type: JWT_BEARER }],
  ];
  const both = { client_id: 'app', client_secret: 's3cret', client_assertion: 'a.b.c' };
  t.strictSame(presentedClient(undefined, body(both)), twice, 'a secret and an assertion');
  t.strictSame(presentedClient('Digest x', body({ client_secret: 's3cret' })), twice, 'a header that cannot be read');
  for (const [sentence, members] of rows) t.strictSame(presentedClient(header, body(members)), twice, sentence);
  t.strictSame(
    presentedClient(header, body({ client_id: 'app' })),
    byBasic('app', 's3cret'),
    'the same client_id is not a second method',
  );
});

const SECRET = 'a-secret';
const confidential = aClient({ id: 'service', kind: 'confidential', secretHash: sha256(SECRET) });
const present = (secret: string | undefined, clientId = 'service'): PresentedSecret => ({
  method: secret === undefined ? 'none' : 'client_secret_post',
  clientId,
  secret,
});

t.test('a client is who it says, or it is not', async (t) => {
  const app = aClient();
  const off = { disabledAt: 1 };
  t.strictSame(authenticateClient(present(SECRET), confidential, 0), ok(confidential), 'the right secret');
  t.strictSame(authenticateClient(present(undefined), app, 0), ok(app), 'a public client has none');
  const refusals = [
    ['another secret', present('other'), confidential, 'client_secret_wrong'],
    ['a beginning of the secret', present('a-secre'), confidential, 'client_secret_wrong'],
    ['the secret in capitals', present('A-SECRET'), confidential, 'client_secret_wrong'],
    ['no secret', present(undefined), confidential, 'client_secret_missing'],
    [
      'a confidential client that has none',
      present(SECRET),
      { ...confidential, secretHash: null },
      'client_secret_wrong',
    ],
    ['a public client with a secret', present(SECRET), app, 'client_is_public'],
    ['unknown, with a secret', present(SECRET), null, 'client_unknown'],
    ['unknown, without', present(undefined), null, 'client_unknown'],
    ['disabled, with the right secret', present(SECRET), { ...confidential, ...off }, 'client_disabled'],
    ['disabled, with a wrong secret', present('x'), { ...confidential, ...off }, 'client_secret_wrong'],
    ['disabled and public', present(undefined), { ...app, ...off }, 'client_disabled'],
  ] as const;
  for (const [sentence, presented, client, reason] of refusals) {
    const refusal = reason === 'client_unknown' ? { reason } : { reason, clientId: client.id };
    t.strictSame(authenticateClient(presented, client, 0), refuse(refusal), sentence);
  }
});

t.test('of two secrets both are good, the older until its time is over', async (t) => {
  const OLDER = 'an-older-secret';
  const overlapping = { ...confidential, previousSecret: { hash: sha256(OLDER), expiresAt: 1000 } };
  const expired = refuse({ reason: 'client_secret_expired', clientId: 'service' });
  const rows = [
    [SECRET, 999, ok(overlapping)],
    [SECRET, 1000, ok(overlapping)],
    [OLDER, 0, ok(overlapping)],
    [OLDER, 999, ok(overlapping)],
    [OLDER, 1000, expired],
    [OLDER, 1_000_000, expired],
    ['other', 0, refuse({ reason: 'client_secret_wrong', clientId: 'service' })],
    [undefined, 0, refuse({ reason: 'client_secret_missing', clientId: 'service' })],
  ] as const;
  for (const [secret, now, expected] of rows) {
    t.strictSame(authenticateClient(present(secret), overlapping, now), expected, `${secret} at ${now}`);
  }
  t.strictSame(authenticateClient(present(OLDER), { ...overlapping, disabledAt: 1 }, 0).ok, false, 'disabled');
  t.strictSame(authenticateClient(present(OLDER), confidential, 0).ok, false, 'of a client that has none');
});

t.test('a client that signs has no secret, and must sign', async (t) => {
  const signer = { ...confidential, secretHash: null, jwks: { keys: [] } };
  const clientId = 'service';
  t.strictSame(
    authenticateClient(present(SECRET), signer, 0),
    refuse({ reason: 'client_authentication_method_wrong', clientId }),
  );
  t.strictSame(
    authenticateClient(present(undefined), signer, 0),
    refuse({ reason: 'client_assertion_missing', clientId }),
  );
  const odd = { ...signer, secretHash: sha256(SECRET) };
  t.equal(authenticateClient(present(SECRET), odd, 0).ok, false, 'not even where its row has a secret as well');
});

t.test('no secret matches a client without one, be it 32 bytes of zero hashed or not', async (t) => {
  const without = { ...confidential, secretHash: null };
  for (const secret of ['', '\0'.repeat(32), '0'.repeat(64)]) {
    t.strictSame(
      authenticateClient(present(secret), without, 0),
      refuse({ reason: 'client_secret_wrong', clientId: 'service' }),
    );
  }
});

t.test('a refusal says nothing but its reason: no secret gets into the log with it', async (t) => {
  const results = [
    authenticateClient(present('hunter2'), confidential, 0),
    authenticateClient(present('hunter2'), null, 0),
    presentedClient(raw('app:hunter2'), body({ client_secret: 'hunter2' })),
  ];
  for (const result of results) t.notMatch(JSON.stringify(result), /hunter2/);
});
