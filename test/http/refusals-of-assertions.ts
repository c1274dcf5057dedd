import { sha256 } from '../../src/oauth/refresh-token.js';
import type { Refusal } from '../../src/oauth/refusal.js';
import type { TestIssuer } from '../helper.js';
import { aSigner, askWith, assertionForm, assertionOf, clientKey, type Wrong } from '../rfc/assertions.js';
import { aService, SECRET } from '../rfc/setup.js';
import { type Case, CLIENT_TOKEN } from './refusals-of-tokens.js';
import { postForm } from './support.js';

const key = clientKey();
const OLD_SECRET = 'the-secret-before-the-present-one';

/** Clients with keys, with two secrets, and with a limit. */
export const CLIENTS_WITH_CREDENTIALS = [
  aSigner([key]),
  aService({ id: 'rotated', previousSecret: { hash: sha256(OLD_SECRET), expiresAt: 1 } }),
  aService({ id: 'slow', tokensPerMinute: 1 }),
];

const asked = (issuer: TestIssuer, form: Record<string, string>) =>
  postForm(issuer, '/token', { ...CLIENT_TOKEN, ...form });
const wrong = (what: Wrong): Case => [401, 'invalid_client', (issuer) => askWith(issuer, key, what)];
const later = (issuer: TestIssuer, seconds: number) => issuer.clock.now / 1000 + seconds;

/** What the credentials of a client are refused for, and how often it asks. */
export const OF_CREDENTIALS = {
  client_secret_expired: [
    401,
    'invalid_client',
    (issuer) => asked(issuer, { client_id: 'rotated', client_secret: OLD_SECRET }),
  ],
  client_authentication_method_wrong: [
    401,
    'invalid_client',
    (issuer) => asked(issuer, { client_id: 'signer', client_secret: 'x' }),
  ],
  client_assertion_type_unknown: [401, 'invalid_client', (issuer) => asked(issuer, { client_assertion: 'x' })],
  client_assertion_malformed: [401, 'invalid_client', (issuer) => asked(issuer, assertionForm('a.b.c'))],
  client_assertion_header_not_allowed: wrong({ header: { typ: 'at+jwt' } }),
  client_assertion_missing: [401, 'invalid_client', (issuer) => asked(issuer, { client_id: 'signer' })],
  client_assertion_of_another: wrong({ claims: { iss: 'app' } }),
  client_assertion_audience: wrong({ claims: { aud: 'https://elsewhere.example' } }),
  client_assertion_times_malformed: wrong({ claims: { exp: undefined } }),
  client_assertion_expired: wrong({ claims: { exp: 1 } }),
  client_assertion_too_long: wrong({ claims: { exp: 2 ** 40 } }),
  client_assertion_too_early: [
    401,
    'invalid_client',
    (issuer) => askWith(issuer, key, { claims: { nbf: later(issuer, 100) } }),
  ],
  client_assertion_without_jti: wrong({ claims: { jti: undefined } }),
  client_assertion_signature_wrong: [401, 'invalid_client', (issuer) => askWith(issuer, clientKey())],
  client_assertion_replayed: [
    401,
    'invalid_client',
    async (issuer) => {
      const form = assertionForm(await assertionOf(key, issuer.clock.now));
      await postForm(issuer, '/revoke', { token: 'x', ...form });
      return asked(issuer, form);
    },
  ],
  client_token_rate_exceeded: [
    429,
    'temporarily_unavailable',
    async (issuer) => {
      const form = { client_id: 'slow', client_secret: SECRET };
      await asked(issuer, form);
      return asked(issuer, form);
    },
  ],
} as const satisfies Partial<Record<Refusal['reason'], Case>>;

/** None of these may be told from another. */
export const ASSERTION_REASONS = (Object.keys(OF_CREDENTIALS) as (keyof typeof OF_CREDENTIALS)[]).filter(
  (reason) => reason !== 'client_token_rate_exceeded',
);
