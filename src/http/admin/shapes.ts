import { z } from 'zod';
import { CLIENT_KINDS, DELIVERIES, GRANT_TYPES } from '../../oauth/client.js';
import { parseLoginName } from '../../oauth/username.js';

// What the administration takes and answers; the names are those of the commands' JSON.

const TIME = z.string().describe('RFC 3339, in UTC.');
const NAMES = z.array(z.string());
const SECONDS = z.int().min(0);

export const USER = z
  .object({
    id: z.uuid().describe('The `sub` of its tokens.'),
    username: z.string(),
    email: z.string().nullable(),
    roles: NAMES,
    revision: z.int(),
    created_at: TIME,
    disabled_at: TIME.nullable(),
  })
  .describe('A user.');

const PASSWORD = z.string().describe('8 characters to 72 bytes of UTF-8. Left out: one is made, and answered once.');

export const NEW_USER = z.strictObject({
  username: z.string(),
  email: z.string().optional(),
  roles: NAMES.default([]),
  password: PASSWORD.optional(),
});

export const USER_CHANGES = z.strictObject({
  username: z.string().optional(),
  email: z.string().nullable().optional(),
  roles: NAMES.optional(),
  disabled: z.boolean().optional().describe('True ends all logins, for good.'),
});

export const NEW_PASSWORD = z.strictObject({ password: PASSWORD.optional() });

export const MADE_PASSWORD = z.object({ password: z.string().describe('It is shown this once.') });

export const SESSION = z
  .object({
    sid: z.uuid(),
    user_id: z.uuid(),
    username: z.string(),
    client_id: z.string(),
    user_agent: z.string().nullable(),
    address: z.string().nullable(),
    created_at: TIME,
    last_used_at: TIME,
    expires_at: TIME,
    ended: z.string().nullable().describe('Why it is over; null while it lives.'),
  })
  .describe('A login on one device.');

const JWK_SET = z.looseObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) });

/** What can be said of a client; a lifetime of null is that of the server. */
const CLIENT_SETTINGS = {
  name: z.string(),
  grants: z.array(z.enum(GRANT_TYPES)),
  scopes: NAMES,
  default_scope: NAMES,
  audiences: NAMES,
  default_audiences: NAMES,
  access_token_ttl_seconds: SECONDS.nullable(),
  refresh_idle_ttl_seconds: SECONDS.nullable(),
  refresh_absolute_ttl_seconds: SECONDS.nullable(),
  retry_window_seconds: SECONDS.nullable(),
  delivery: z.enum(DELIVERIES),
  origins: NAMES,
  tokens_per_minute: z.int().min(1).nullable(),
};

export const CLIENT = z
  .object({
    client_id: z.string(),
    kind: z.enum(CLIENT_KINDS),
    ...CLIENT_SETTINGS,
    authentication: z.enum(['none', 'client_secret', 'private_key_jwt']),
    previous_secret_expires_at: TIME.nullable().describe('Until then the secret before the present one is good, too.'),
    jwks: JWK_SET.nullable(),
    revision: z.int(),
    created_at: TIME,
    disabled_at: TIME.nullable(),
  })
  .describe('A client.');

/** Each may be left out. A name is shown to people, also on terminals. */
const GIVEN_SETTINGS = {
  ...z.object(CLIENT_SETTINGS).partial().shape,
  name: z
    .string()
    .refine((text) => parseLoginName(text) !== null, 'A name has 1 to 128 characters, none of them invisible.')
    .optional(),
};

export const NEW_CLIENT = z.strictObject({
  client_id: z.string().optional().describe('Left out: one is made.'),
  kind: z.enum(CLIENT_KINDS),
  jwks: JWK_SET.optional().describe('Public keys for private_key_jwt, in place of a secret.'),
  ...GIVEN_SETTINGS,
});

export const CLIENT_CHANGES = z.strictObject({
  jwks: JWK_SET.optional().describe('Ends the secret.'),
  disabled: z.boolean().optional().describe('True ends all logins at the client, for good.'),
  ...GIVEN_SETTINGS,
});

export const SECRET_ROTATION = z.strictObject({
  overlap_seconds: SECONDS.default(86_400).describe('How long the present secret stays good.'),
});

export const MADE_SECRET = z.object({ client_secret: z.string().describe('It is shown this once.') });

export const KEY = z
  .object({
    kid: z.string(),
    state: z.enum(['published', 'active', 'retiring', 'removed', 'revoked']),
    published_at: TIME,
    activates_at: TIME.nullable(),
    deactivates_at: TIME.nullable(),
    removes_at: TIME.nullable(),
    revoked_at: TIME.nullable(),
    destroyed_at: TIME.nullable(),
    imported: z.boolean(),
  })
  .describe('A key of the ring.');

export const ROTATION = z.strictObject({
  dry_run: z.boolean().default(false).describe('Only say what would happen.'),
  force: z.boolean().default(false).describe('Sign with the standby at once, whoever does not know it yet.'),
});

export const ROTATED = z.object({
  dry_run: z.boolean(),
  activates: KEY,
  retires: KEY,
  publishes: KEY.nullable(),
  surprises_until: TIME.nullable().describe('Until then verifiers may refuse new tokens.'),
});
