import { authenticationOf } from '../accounts/client-json.js';
import { type Client, RETRY_WINDOW_SECONDS } from '../oauth/client.js';
import { goodPreviousSecret } from '../oauth/client-authentication.js';
import { joinList, type TokenList } from '../oauth/scope.js';
import { type EpochMs, formatDuration, toRfc3339 } from '../oauth/time.js';
import { table } from './io.js';

/** A client as people see it: every setting, a line each. */
export function showClient(client: Client, now: EpochMs): string {
  const previous = goodPreviousSecret(client, now);
  const keys = client.jwks?.keys.map((key) => `${key['kty']} ${key['kid'] ?? '(no kid)'}`);
  const rows: readonly (readonly [name: string, value: string])[] = [
    ['client_id', client.id],
    ['name', client.name],
    ['kind', client.kind],
    ['state', client.disabledAt === null ? 'enabled' : `disabled since ${toRfc3339(client.disabledAt)}`],
    ['authentication', authenticationOf(client)],
    ...(keys === undefined ? [] : [['keys', keys.join(', ')] as const]),
    ...(previous === null ? [] : [['previous secret', `good until ${toRfc3339(previous.expiresAt)}`] as const]),
    ['grants', listOr(client.grants, 'none')],
    ['scopes', listOr(client.scopes, 'none')],
    ['default scope', listOr(client.defaultScope, 'none')],
    ['audiences', listOr(client.audiences, "the server's DEFAULT_AUDIENCE")],
    ['default audiences', listOr(client.defaultAudiences, 'all of them')],
    ['access token lifetime', durationOr(client.accessTokenTtlSeconds, "the server's ACCESS_TOKEN_TTL")],
    ['idle lifetime', durationOr(client.refreshIdleTtlSeconds, "the server's REFRESH_IDLE_TTL")],
    ['absolute lifetime', durationOr(client.refreshAbsoluteTtlSeconds, "the server's REFRESH_ABSOLUTE_TTL")],
    ['retry window', durationOr(client.retryWindowSeconds, formatDuration(RETRY_WINDOW_SECONDS[client.kind]))],
    ['delivery', client.delivery],
    ['origins', listOr(client.origins, 'none')],
    [
      'tokens a minute',
      client.tokensPerMinute === null ? "the server's CLIENT_TOKEN_RATE" : `${client.tokensPerMinute}`,
    ],
    ['revision', `${client.revision}`],
    ['created', toRfc3339(client.createdAt)],
  ];
  return table(['SETTING', 'VALUE'], rows);
}

function listOr(list: TokenList, none: string): string {
  return list.length === 0 ? none : joinList(list);
}

function durationOr(seconds: number | null, none: string): string {
  return seconds === null ? none : formatDuration(seconds);
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
