import type { JSONWebKeySet } from 'jose';

/** Where a server publishes its keys. */
export function jwksUrl(origin: string): string {
  return `${origin}/.well-known/jwks.json`;
}

/** An answer with the published keys, and for how many seconds it may be kept. */
export type PublishedKeys = { readonly keys: JSONWebKeySet; readonly maxAgeSeconds: number };

/** Asks a server for its keys. */
export async function jwksOf(origin: string): Promise<PublishedKeys> {
  const reply = await fetch(jwksUrl(origin));
  if (!reply.ok) throw new Error(`JWKS: ${reply.status}`);
  const maxAge = /max-age=(\d+)/.exec(reply.headers.get('cache-control') ?? '')?.[1];
  if (maxAge === undefined) throw new Error('the JWKS says no max-age');
  const keys: JSONWebKeySet = JSON.parse(await reply.text());
  return { keys, maxAgeSeconds: Number(maxAge) };
}

/** Something that is kept for a while after it was got, and then got anew. What several wait for is got once. */
export function kept<T>(get: () => Promise<T>, keepSeconds: (got: T) => number): () => Promise<T> {
  let held: { readonly value: T; readonly untilMs: number } | null = null;
  let pending: Promise<T> | null = null;
  const renew = async () => {
    const value = await get();
    held = { value, untilMs: performance.now() + keepSeconds(value) * 1000 };
    return value;
  };
  return async () => {
    if (held !== null && performance.now() < held.untilMs) return held.value;
    pending ??= renew().finally(() => {
      pending = null;
    });
    return pending;
  };
}
