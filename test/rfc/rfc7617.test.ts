import t from 'tap';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { aService, assertError, assertTokens, issuerWithClients, SECRET } from './setup.js';

const CLIENT_TOKEN = { grant_type: 'client_credentials' };
const credentials = Buffer.from(`service:${SECRET}`).toString('base64');

const issuer = await issuerWithClients(t);

t.test('§2: the name of the scheme is case-insensitive', async (t) => {
  for (const scheme of ['Basic', 'basic', 'BASIC', 'bAsIc']) {
    assertTokens(t, await issuer.post('/token', CLIENT_TOKEN, { authorization: `${scheme} ${credentials}` }), scheme);
  }
});

t.test('§2: the first colon ends the user id; all others belong to the password', async (t) => {
  const issuer = await issuerWithClients(t, { clients: [aService({ secretHash: sha256('a:b::c:') })] });
  const authorization = `Basic ${Buffer.from('service:a:b::c:').toString('base64')}`;
  assertTokens(t, await issuer.post('/token', CLIENT_TOKEN, { authorization }));
});

t.test('§2: credentials are base64 with one meaning', async (t) => {
  const headers = {
    'two of them': `Basic ${credentials}, Basic ${credentials}`,
    'two tokens': `Basic ${credentials} ${credentials}`,
    'auth-params': `Basic realm="x", ${credentials}`,
    'garbage behind': `Basic ${credentials}!`,
    'garbage within': `Basic ${credentials.slice(0, 8)}*${credentials.slice(8)}`,
    'padding within': `Basic ${credentials.slice(0, 8)}==${credentials.slice(8)}`,
    'another scheme with good credentials': `Digest ${credentials}`,
    'no scheme': credentials,
    quoted: `Basic "${credentials}"`,
  };
  for (const [what, authorization] of Object.entries(headers)) {
    const reply = await issuer.post('/token', CLIENT_TOKEN, { authorization });
    assertError(t, reply, 401, 'invalid_client', what);
    t.match(reply.headers['www-authenticate'], /^Basic /, what);
  }
});

t.test('§2.1: the challenge has a realm and says that UTF-8 is expected', async (t) => {
  const { headers } = await issuer.post('/token', CLIENT_TOKEN, { authorization: 'Basic bm9ib2R5Ong=' });
  t.match(headers['www-authenticate'], /^Basic realm="[^"\\]+", charset="UTF-8"$/);
});

t.test('§2: control characters make credentials that are never right, and never an outage', async (t) => {
  for (const provider of ['sqlite', 'postgres'] as const) {
    const issuer = await issuerWithClients(t, { provider });
    for (const id of ['service\0', '\0', 'ser\0vice', 'service\r\nx', 'service\x7f']) {
      const authorization = `Basic ${Buffer.from(`${id}:${SECRET}`).toString('base64')}`;
      const reply = await issuer.post('/token', CLIENT_TOKEN, { authorization });
      assertError(t, reply, 401, 'invalid_client', `${provider} ${JSON.stringify(id)}`);
    }
  }
});
