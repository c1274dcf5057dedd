import { ADMIN } from '../oauth/admin.js';
import { audienceChoice } from '../oauth/audience.js';
import { type Client, lifetimesOf, type ServerLifetimes } from '../oauth/client.js';
import { isOtherSite } from '../oauth/origin.js';
import { joinList, type TokenList } from '../oauth/scope.js';
import { formatDuration } from '../oauth/time.js';

/** What a client's settings meet at the server. */
export type ServerView = ServerLifetimes & { readonly issuer: string; readonly defaultAudience: string };

/** Something that a client is allowed to be and that surprises at its first use; the topic stays the same while it lasts. */
type Hint = { readonly topic: string; readonly text: string };

const RULES: readonly ((client: Client, server: ServerView) => readonly Hint[])[] = [
  scopeHints,
  adminHints,
  lifetimeHints,
  pageHints,
];

/**
 * What will surprise at the first use of a client, although nothing is wrong with it: a sentence each, with the way out.
 *
 * @param before the client as it was before a change: of that, nothing is said again
 */
export function clientHints(client: Client, server: ServerView, before: Client | null = null): readonly string[] {
  const hintsAbout = (one: Client) => RULES.flatMap((rule) => rule(one, server));
  const known = before === null ? [] : hintsAbout(before).map(({ topic }) => topic);
  return hintsAbout(client).flatMap(({ topic, text }) => (known.includes(topic) ? [] : [text]));
}

/** A service may need no scope, for it can be known by its id; what a person's login may do is said by scopes only. */
function scopeHints({ id, grants, scopes, defaultScope }: Client): Hint[] {
  if (defaultScope.length > 0) return [];
  if (scopes.length === 0) {
    if (!grants.includes('password')) return [];
    const text =
      `${id} has no scopes: its tokens carry none, and a request for one is refused (invalid_scope). ` +
      `To give it some: mintd clients set ${id} --scope read --default-scope "read"`;
    return [{ topic: 'no scopes', text }];
  }
  // Administration is asked for where it is needed; it should not be in every token.
  const proposed = scopes.filter((scope) => scope !== ADMIN);
  const orSetOne =
    proposed.length === 0 ? '' : `, or set one: mintd clients set ${id} --default-scope ${quoted(proposed)}`;
  const text =
    `${id} has no default scope: tokens that it asks for without scope carry none. ` +
    `Ask with scope=${quoted(scopes)}${orSetOne}`;
  return [{ topic: 'no default scope', text }];
}

/** /admin takes tokens for the issuer and for no other audience (src/oauth/admin.ts). */
function adminHints(client: Client, { issuer, defaultAudience }: ServerView): Hint[] {
  const { id, scopes } = client;
  if (!scopes.includes(ADMIN)) return [];
  const { allowed, defaults } = audienceChoice(client, defaultAudience);
  const only = `/admin takes only tokens whose one audience is the ISSUER, ${issuer}`;
  if (!allowed.includes(issuer)) {
    const audiences = [...allowed, issuer].map((one) => `--audience ${quoted([one])}`).join(' ');
    const text = `${only}; ${id} may not ask for it. To allow it: mintd clients set ${id} ${audiences}`;
    return [{ topic: 'issuer is no audience', text }];
  }
  if (defaults.length === 1 && defaults[0] === issuer) return [];
  return [{ topic: 'issuer is not the default audience', text: `${only}: ${id} gets one with resource=${issuer}` }];
}

/** A client refreshes when its access token has run out. */
function lifetimeHints(client: Client, server: ServerView): Hint[] {
  if (!client.grants.includes('refresh_token')) return [];
  const { accessTokenTtlSeconds, refreshIdleTtlSeconds, refreshAbsoluteTtlSeconds } = lifetimesOf(client, server);
  const loginSeconds = Math.min(refreshIdleTtlSeconds, refreshAbsoluteTtlSeconds);
  if (loginSeconds > accessTokenTtlSeconds) return [];
  const shorter = formatDuration(Math.max(1, Math.floor(loginSeconds / 2)));
  const text =
    `a login at ${client.id} ends ${formatDuration(loginSeconds)} after its last refresh or sooner, and an access token lives ` +
    `${formatDuration(accessTokenTtlSeconds)}: a client that waits until that has run out comes too late (invalid_grant). ` +
    `To refresh sooner: mintd clients set ${client.id} --access-ttl ${shorter}`;
  return [{ topic: 'lifetimes', text }];
}

/** The cookie is SameSite=Strict. */
function pageHints({ id, delivery, origins }: Client, { issuer }: ServerView): Hint[] {
  if (delivery !== 'cookie') return [];
  return origins
    .filter((origin) => isOtherSite(origin, issuer))
    .map((origin) => ({
      topic: `page ${origin}`,
      text:
        `a page at ${origin} cannot use ${id}: its cookie is for pages on the site of the ISSUER, ${issuer} (cross_site). ` +
        `Name a page there: mintd clients set ${id} --origin ORIGIN`,
    }));
}

/** A list as one argument of a shell. */
function quoted(list: TokenList): string {
  const text = joinList(list);
  return /^[\w.:/ -]+$/.test(text) ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
