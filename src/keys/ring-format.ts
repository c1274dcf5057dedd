import { z } from 'zod';
import type { KeyRing } from '../oauth/key-ring.js';
import { type EpochMs, MAX_DURATION_SECONDS } from '../oauth/time.js';

/** The format's name stands in the file, so that a later program can tell what it reads. */
const FORMAT = 'mintd-key-ring/1';

const time = z.iso.datetime().transform((text): EpochMs => Date.parse(text));
const seconds = z.int().min(0).max(MAX_DURATION_SECONDS);

/** Visible ASCII: an imported key keeps the name its issuer gave it. Our own are thumbprints, which is checked apart. */
export const KID = /^[\x21-\x7e]{1,255}$/;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  keys: z
    .array(
      z.strictObject({
        kid: z.string().regex(KID),
        jwk: z.strictObject({ kty: z.literal('RSA'), n: z.string(), e: z.string() }),
        publishedAt: time,
        activatesAt: time.nullable(),
        revokedAt: time.nullable(),
        // Left out where there is none, so that rings of older versions can be read.
        destroyedAt: time.nullable().default(null),
        importedUntil: time.nullable().default(null),
      }),
    )
    .min(1),
  timings: z
    .array(
      z.strictObject({
        since: time,
        jwksMaxAgeSeconds: seconds,
        verifierCacheSeconds: seconds,
        accessTokenMaxTtlSeconds: seconds,
        clockSkewSeconds: seconds,
      }),
    )
    .min(1),
});

/** The ring as text: indented, with times people can read, to the millisecond. */
export function formatRing(ring: KeyRing): string {
  const show = (at: EpochMs | null) => (at === null ? null : new Date(at).toISOString());
  const value = {
    format: FORMAT,
    // Member by member: nothing else that a key may carry gets into the file.
    keys: ring.keys.map((key) => ({
      kid: key.kid,
      jwk: { kty: key.jwk.kty, n: key.jwk.n, e: key.jwk.e },
      publishedAt: show(key.publishedAt),
      activatesAt: show(key.activatesAt),
      revokedAt: show(key.revokedAt),
      ...(key.destroyedAt !== null && { destroyedAt: show(key.destroyedAt) }),
      ...(key.importedUntil !== null && { importedUntil: show(key.importedUntil) }),
    })),
    timings: ring.timings.map((timing) => ({
      since: show(timing.since),
      jwksMaxAgeSeconds: timing.jwksMaxAgeSeconds,
      verifierCacheSeconds: timing.verifierCacheSeconds,
      accessTokenMaxTtlSeconds: timing.accessTokenMaxTtlSeconds,
      clockSkewSeconds: timing.clockSkewSeconds,
    })),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

/**
 * The reverse of formatRing.
 *
 * @throws Error that ends a sentence beginning with the ring's name
 */
export function parseRing(text: string): KeyRing {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON: it may have been cut or edited');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    throw new Error(`it is not a key ring: ${where}${issue?.message ?? 'malformed'}`);
  }
  const { keys, timings } = parsed.data;
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new Error('a kid stands in it twice');
  for (const { kid, activatesAt, importedUntil } of keys) {
    if (importedUntil === null && !THUMBPRINT.test(kid)) throw new Error(`the kid ${kid} is no thumbprint`);
    if (importedUntil !== null && activatesAt !== null) throw new Error(`the imported key ${kid} would sign`);
  }
  const starts = keys.flatMap(({ activatesAt }) => (activatesAt === null ? [] : [activatesAt]));
  if (new Set(starts).size < starts.length) throw new Error('two keys would sign from the same moment on');
  if (timings.some(({ since }, i) => since < (timings[i - 1]?.since ?? since))) {
    throw new Error('its timings are not in the order of their times');
  }
  return { keys, timings };
}
