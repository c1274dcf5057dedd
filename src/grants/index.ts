import { GRANT_TYPES, type GrantType } from '../oauth/client.js';
import { TOKEN_PARAMETERS } from '../oauth/endpoint-parameters.js';
import { readParameters } from '../oauth/parameters.js';
import { type Result, refuse } from '../oauth/result.js';
import { clientCredentials } from './client-credentials.js';
import type { GrantDeps, TokenRequest } from './deps.js';
import type { Issued } from './issue.js';
import { password } from './password.js';
import { refreshToken } from './refresh-token.js';

type Grant = (deps: GrantDeps, request: TokenRequest) => Promise<Result<Issued>>;

const GRANTS: Readonly<Record<GrantType, Grant>> = {
  password,
  refresh_token: refreshToken,
  client_credentials: clientCredentials,
};

/** Answers a request to the token endpoint with the grant it names, if the client may use it. */
export async function grant(deps: GrantDeps, request: TokenRequest): Promise<Result<Issued>> {
  const read = readParameters(TOKEN_PARAMETERS, request.parameters);
  if (!read.ok) return read;
  const type = GRANT_TYPES.find((known) => known === read.value.grant_type);
  if (type === undefined) return refuse({ reason: 'grant_type_unknown' });
  if (!request.client.grants.includes(type)) return refuse({ reason: 'grant_type_not_allowed' });
  return GRANTS[type](deps, request);
}
