import type { Client } from '../oauth/client.js';
import { shownTime, toRfc3339 } from '../oauth/time.js';

/** A client as JSON shows it, without what it authenticates with. */
export function clientJson(client: Client) {
  return {
    client_id: client.id,
    name: client.name,
    kind: client.kind,
    grants: client.grants,
    scopes: client.scopes,
    default_scope: client.defaultScope,
    audiences: client.audiences,
    default_audiences: client.defaultAudiences,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_idle_ttl_seconds: client.refreshIdleTtlSeconds,
    refresh_absolute_ttl_seconds: client.refreshAbsoluteTtlSeconds,
    retry_window_seconds: client.retryWindowSeconds,
    delivery: client.delivery,
    origins: client.origins,
    tokens_per_minute: client.tokensPerMinute,
    authentication: authenticationOf(client),
    previous_secret_expires_at: shownTime(client.previousSecret?.expiresAt ?? null),
    jwks: client.jwks,
    revision: client.revision,
    created_at: toRfc3339(client.createdAt),
    disabled_at: shownTime(client.disabledAt),
  };
}

/** How it shows who it is: the part of its method (RFC 7591 §2) that is not its own choice. */
export function authenticationOf({ kind, jwks }: Client): 'none' | 'private_key_jwt' | 'client_secret' {
  if (kind === 'public') return 'none';
  return jwks === null ? 'client_secret' : 'private_key_jwt';
}
