import type { GrantType } from './client.js';
import { JWT_BEARER } from './client-assertion.js';
import { PASSWORD_MAX_BYTES } from './password-policy.js';
import { LOGIN_NAME_MAX_CHARACTERS } from './username.js';

/** One parameter of an endpoint: what its reader goes by, and what the API's description says of it. */
export type Parameter = {
  readonly description: string;
  /** Without it the request is refused. */
  readonly isRequired: boolean;
  /** Comes from the browser's cookie, and not in the body, if the client keeps it there. */
  readonly mayBeCookie?: true;
  /** May be sent more than once. */
  readonly mayRepeat?: true;
  /** Must never stand in a URL: URLs end up in logs and histories (RFC 6749 §2.3.1). */
  readonly isCredential?: true;
  /** The most a right value has; names are counted after NFKC. */
  readonly maxCharacters?: number;
};

/** The parameters of one request by their names, in the order in which a missing one is told. */
export type ParameterTable = Readonly<Record<string, Parameter>>;

type Details = Omit<Parameter, 'description' | 'isRequired'>;

function needed<D extends Details>(description: string, details?: D) {
  return { description, isRequired: true, ...details } as const;
}

function possible<D extends Details>(description: string, details?: D) {
  return { description, isRequired: false, ...details } as const;
}

/** How a client says who it is, where it does not do so in the Authorization header (RFC 6749 §2.3.1, §3.2.1). */
const CLIENT = {
  client_id: possible('The client, unless the Authorization header names it (RFC 6749 §2.3.1, §3.2.1).', {
    maxCharacters: 64,
  }),
  client_secret: possible('Of a confidential client that does not use the Authorization header (RFC 6749 §2.3.1).', {
    isCredential: true,
  }),
  client_assertion: possible('A JWT that the client signed, in place of a secret (RFC 7523 §2.2).', {
    isCredential: true,
  }),
  client_assertion_type: possible(`With client_assertion: \`${JWT_BEARER}\`.`),
} satisfies ParameterTable;

const TARGET = {
  scope: possible("Separated by spaces; without it, the client's default, or the login's (RFC 6749 §3.3)."),
  resource: possible('A URI of the service the token is for (RFC 8707 §2).', { mayRepeat: true }),
  audience: possible('The same by any name. Without either, the default audiences.', { mayRepeat: true }),
} satisfies ParameterTable;

/** POST /token, whatever the grant. */
export const TOKEN_PARAMETERS = {
  grant_type: needed('Which grant this is (RFC 6749 §4).'),
} satisfies ParameterTable;

/** POST /token, grant by grant. */
export const GRANT_PARAMETERS = {
  password: {
    ...TOKEN_PARAMETERS,
    username: needed("The user's name or e-mail address (RFC 6749 §4.3.2).", {
      maxCharacters: LOGIN_NAME_MAX_CHARACTERS,
    }),
    password: needed("The user's password (RFC 6749 §4.3.2).", {
      isCredential: true,
      maxCharacters: PASSWORD_MAX_BYTES,
    }),
    ...TARGET,
    ...CLIENT,
  },
  refresh_token: {
    ...TOKEN_PARAMETERS,
    refresh_token: needed('The newest of the login (RFC 6749 §6); in a cookie where the client keeps it there.', {
      isCredential: true,
      mayBeCookie: true,
    }),
    ...TARGET,
    ...CLIENT,
  },
  client_credentials: { ...TOKEN_PARAMETERS, ...TARGET, ...CLIENT },
} satisfies Readonly<Record<GrantType, ParameterTable>>;

const TOKEN_HINT = possible('Not needed: mintd sees what it is (RFC 7009 §2.1, RFC 7662 §2.1).');

/** POST /revoke. */
export const REVOKE_PARAMETERS = {
  token: needed('A refresh token, or an access token of a login (RFC 7009 §2.1).', { isCredential: true }),
  token_type_hint: TOKEN_HINT,
  ...CLIENT,
} satisfies ParameterTable;

/** POST /introspect. */
export const INTROSPECT_PARAMETERS = {
  token: needed('A refresh token or an access token (RFC 7662 §2.1).', { isCredential: true }),
  token_type_hint: TOKEN_HINT,
  ...CLIENT,
} satisfies ParameterTable;

/** POST /logout. */
export const LOGOUT_PARAMETERS = CLIENT;

/** A password that is to be hashed: see src/oauth/password-policy.ts. */
const NEW_PASSWORD = { isCredential: true, maxCharacters: PASSWORD_MAX_BYTES } as const;

/** POST /register. */
export const REGISTER_PARAMETERS = {
  username: needed('Not taken, compared without case.', { maxCharacters: LOGIN_NAME_MAX_CHARACTERS }),
  email: possible('An address to log in by as well.', { maxCharacters: LOGIN_NAME_MAX_CHARACTERS }),
  password: needed('8 characters to 72 bytes of UTF-8.', NEW_PASSWORD),
} satisfies ParameterTable;

/** POST /password. */
export const PASSWORD_PARAMETERS = {
  current_password: needed('The one to be replaced.', NEW_PASSWORD),
  new_password: needed('8 characters to 72 bytes of UTF-8.', NEW_PASSWORD),
} satisfies ParameterTable;

/** Every table, for rules that hold at all endpoints alike. */
export const ALL_PARAMETERS: readonly ParameterTable[] = [
  ...Object.values(GRANT_PARAMETERS),
  REVOKE_PARAMETERS,
  INTROSPECT_PARAMETERS,
  LOGOUT_PARAMETERS,
  REGISTER_PARAMETERS,
  PASSWORD_PARAMETERS,
];
