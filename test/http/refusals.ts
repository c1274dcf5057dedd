import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import type { Refusal } from '../../src/oauth/refusal.js';
import { aClient, type Reply, type TestIssuer } from '../helper.js';
import { aService, FORM, listening, SERVICE, send, sendBody } from '../rfc/setup.js';
import { CLIENTS_WITH_CREDENTIALS, OF_CREDENTIALS } from './refusals-of-assertions.js';
import { type Case, CLIENT_TOKEN, OF_LOGINS, OF_PAGES_AND_TOKENS, token } from './refusals-of-tokens.js';
import { aWebClient, type Form, postForm } from './support.js';

/** The clients that the cases need. */
export const CLIENTS = [
  aClient(),
  aService(),
  aWebClient(),
  aClient({ id: 'once', grants: ['password'] }),
  aClient({ id: 'old', disabledAt: 1 }),
  // No command makes such a client, but a row may have come another way.
  aClient({ id: 'odd', grants: ['client_credentials'] }),
  ...CLIENTS_WITH_CREDENTIALS,
];

async function withHeaderTwice(issuer: TestIssuer): Promise<Reply> {
  const headers = ['Host', 'localhost', 'Authorization', SERVICE.authorization, 'Authorization', SERVICE.authorization];
  const sending = request(`${await listening(issuer)}/token`, { method: 'POST', headers, agent: false });
  sending.end();
  const [reply] = (await once(sending, 'response')) as [IncomingMessage];
  return {
    status: reply.statusCode ?? 0,
    headers: reply.headers,
    body: (await json(reply)) as Record<string, unknown>,
  };
}

const TWICE: Form = [
  ['client_id', 'app'],
  ['client_id', 'app'],
];

/** What a request is refused for before anybody looks at a token. */
const OF_REQUESTS = {
  body_malformed: [400, 'invalid_request', (issuer) => sendBody(issuer, FORM, 'x=%zz')],
  body_too_large: [413, 'invalid_request', (issuer) => sendBody(issuer, FORM, 'x'.repeat(17_000))],
  content_type_unsupported: [400, 'invalid_request', (issuer) => sendBody(issuer, 'text/plain', 'x')],
  url_malformed: [400, 'invalid_request', (issuer) => send(issuer, { url: '/%zz' })],
  header_repeated: [400, 'invalid_request', withHeaderTwice],
  credential_in_url: [400, 'invalid_request', (issuer) => send(issuer, { url: '/token?password=x' })],
  parameter_repeated: [400, 'invalid_request', (issuer) => postForm(issuer, '/token', TWICE)],
  parameter_missing: [400, 'invalid_request', (issuer) => postForm(issuer, '/revoke', { client_id: 'app' })],
  client_authentication_twice: [
    400,
    'invalid_request',
    (issuer) => postForm(issuer, '/token', { client_secret: 'x' }, SERVICE),
  ],
  client_not_named: [401, 'invalid_client', (issuer) => postForm(issuer, '/token', CLIENT_TOKEN)],
  client_unknown: [401, 'invalid_client', (issuer) => token(issuer, { client_id: 'nobody' })],
  client_disabled: [401, 'invalid_client', (issuer) => token(issuer, { client_id: 'old' })],
  client_secret_missing: [401, 'invalid_client', (issuer) => token(issuer, { client_id: 'service' })],
  client_secret_wrong: [401, 'invalid_client', (issuer) => token(issuer, { client_id: 'service', client_secret: 'x' })],
  client_is_public: [
    401,
    'invalid_client',
    (issuer) => postForm(issuer, '/introspect', { client_id: 'app', token: 'x' }),
  ],
  authorization_header_malformed: [
    401,
    'invalid_client',
    (issuer) => postForm(issuer, '/token', {}, { authorization: 'x' }),
  ],
  grant_type_unknown: [400, 'unsupported_grant_type', (issuer) => token(issuer, { grant_type: 'x' })],
  grant_type_not_allowed: [400, 'unauthorized_client', (issuer) => token(issuer, CLIENT_TOKEN)],
  scope_malformed: [400, 'invalid_scope', (issuer) => token(issuer, { scope: '"' })],
  scope_not_allowed: [400, 'invalid_scope', (issuer) => token(issuer, { scope: 'admin' })],
  resource_malformed: [400, 'invalid_target', (issuer) => token(issuer, { resource: 'x' })],
  audience_not_allowed: [400, 'invalid_target', (issuer) => token(issuer, { audience: 'x' })],
} as const satisfies Partial<Record<Refusal['reason'], Case>>;

/** Refused as problem details: test/http/admin.test.ts. */
type AtAdmin = 'admin_audience_missing' | 'admin_scope_missing' | 'admin_role_missing';

/** A way to every reason there is: a new one without a case here does not compile. */
export const CASES: Readonly<Record<Exclude<Refusal['reason'], AtAdmin>, Case>> = {
  ...OF_REQUESTS,
  ...OF_CREDENTIALS,
  ...OF_LOGINS,
  ...OF_PAGES_AND_TOKENS,
};
