import type { Client } from '../oauth/client.js';
import { formatDuration, toRfc3339 } from '../oauth/time.js';
import { table } from './io.js';

/** A client as `--json` prints it. */
export function clientJson(client: Client): object {
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
    created_at: toRfc3339(client.createdAt),
    disabled_at: client.disabledAt === null ? null : toRfc3339(client.disabledAt),
  };
}

/** Clients as people see them: a line each. */
export function showClients(clients: readonly Client[]): string {
  if (clients.length === 0) return 'there are no clients yet: mintd clients add';
  const rows = clients.map((client) => [
    client.id,
    client.kind,
    client.grants.join(' '),
    client.scopes.join(' '),
    client.audiences.join(' '),
    lifetimes(client),
    [client.delivery === 'cookie' ? 'cookie' : '', ...client.origins].join(' ').trim(),
    client.disabledAt === null ? '' : 'disabled',
  ]);
  return table(['CLIENT ID', 'KIND', 'GRANTS', 'SCOPES', 'AUDIENCES', 'LIFETIMES', 'BROWSER', 'STATE'], rows);
}

/** Only what differs from the server's settings. */
function lifetimes(client: Client): string {
  const own = {
    access: client.accessTokenTtlSeconds,
    idle: client.refreshIdleTtlSeconds,
    absolute: client.refreshAbsoluteTtlSeconds,
    retry: client.retryWindowSeconds,
  };
  return Object.entries(own)
    .flatMap(([name, seconds]) => (seconds === null ? [] : [`${name} ${formatDuration(seconds)}`]))
    .join(', ');
}
