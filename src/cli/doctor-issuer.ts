import { connect } from 'node:tls';
import { type Finding, failed, fine, type Look, warning } from '../oauth/check.js';
import { type KeyRing, RING_POLL_SECONDS } from '../oauth/key-ring.js';
import { publishedKeys } from '../oauth/key-states.js';
import { PATHS } from '../oauth/metadata.js';
import { type EpochMs, toRfc3339 } from '../oauth/time.js';

/** Whoever needs longer than this to say who it is does not work. */
const ANSWER_WITHIN_MS = 3_000;

/** What came back, or why nothing did. */
type Answer =
  | { readonly status: number; readonly headers: Headers; readonly body: Readonly<Record<string, unknown>> | null }
  | { readonly fault: string };

/** A certificate as it was shown. */
export type Certificate = {
  /** Why it is not to be trusted; null when it is. */
  readonly fault: string | null;
  readonly validUntil: EpochMs;
};

/** What the issuer says to anybody who asks. */
export type PublicSide = {
  readonly metadata: Answer;
  readonly jwks: Answer;
  /** Null without TLS, or where nobody answered. */
  readonly certificate: Certificate | null;
};

/** Asks the issuer as any verifier would. Never rejects, and takes no longer than 3 s. */
export async function askIssuer(issuer: string): Promise<PublicSide> {
  const base = issuer.replace(/\/$/, '');
  const [metadata, jwks, certificate] = await Promise.all([
    ask(base + PATHS.authorizationServerMetadata),
    ask(base + PATHS.jwks),
    certificateOf(new URL(issuer)),
  ]);
  return { metadata, jwks, certificate };
}

async function ask(url: string): Promise<Answer> {
  try {
    const reply = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, body: parsed(text) };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

/** The code of what lies below: `fetch failed` says nothing. */
function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_WITHIN_MS / 1000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}

function certificateOf({ protocol, hostname, port }: URL): Promise<Certificate | null> {
  if (protocol !== 'https:') return Promise.resolve(null);
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, '');
    // Looked at, not trusted: nothing is sent.
    const socket = connect({ host, servername: host, port: Number(port) || 443, rejectUnauthorized: false });
    const settle = (certificate: Certificate | null) => {
      socket.destroy();
      resolve(certificate);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => settle(null));
    socket.on('error', () => settle(null));
    socket.on('secureConnect', () => {
      const fault = socket.authorized ? null : String(socket.authorizationError);
      settle({ fault, validUntil: Date.parse(socket.getPeerCertificate().valid_to) });
    });
  });
}

/**
 * What follows from the answers.
 *
 * @param ring null where it could not be read: then nothing can be compared with it
 */
export function issuerLooks(
  issuer: string,
  { metadata, jwks, certificate }: PublicSide,
  ring: KeyRing | null,
  now: EpochMs,
): readonly Look[] {
  const look = (name: string, judge: () => Finding): Look => ({ name, take: async () => judge() });
  const shown = certificate === null ? [] : [look('issuer certificate', () => judgeCertificate(certificate, now))];
  if ('fault' in metadata || 'fault' in jwks) {
    const fault = 'fault' in metadata ? metadata.fault : faultIn(jwks);
    return [look('issuer', () => judgeSilence(issuer, fault)), ...shown];
  }
  return [
    look('issuer', () => judgeMetadata(issuer, metadata.status, metadata.body)),
    ...(ring === null ? [] : [look('issuer keys', () => judgeKeys(jwks.body, ring, now))]),
    ...(ring === null ? [] : [look('issuer caching', () => judgeCaching(jwks.headers, ring))]),
    ...shown,
  ];
}

function faultIn(answer: Answer): string {
  return 'fault' in answer ? answer.fault : '';
}

/** What Node and OpenSSL call faults of certificates. */
const CERTIFICATE_FAULT = /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

function judgeSilence(issuer: string, fault: string): Finding {
  if (!CERTIFICATE_FAULT.test(fault)) {
    const advice = 'start the server with `mintd serve`; if it runs, look at DNS, firewall and proxy';
    return warning(`nobody answers at ${issuer}: ${fault}`, advice);
  }
  return failed(
    `${issuer} shows a certificate that is not trusted: ${fault}`,
    'renew it at the proxy, with its whole chain; of an authority of your own, name it in NODE_EXTRA_CA_CERTS',
  );
}

export function judgeMetadata(issuer: string, status: number, body: Readonly<Record<string, unknown>> | null): Finding {
  if (status !== 200) {
    return failed(
      `${issuer}${PATHS.authorizationServerMetadata} answers ${status}`,
      'let the proxy pass /.well-known/ on to mintd; ISSUER must be the address that clients use',
    );
  }
  const said = body?.['issuer'];
  if (said === issuer) return fine(`${issuer} answers, and calls itself so`);
  return failed(
    `at ${issuer} answers ${JSON.stringify(said ?? null)}: verifiers refuse its tokens`,
    'set ISSUER to the same for every server and command, byte for byte, and restart',
  );
}

export function judgeKeys(body: Readonly<Record<string, unknown>> | null, ring: KeyRing, now: EpochMs): Finding {
  const keys: unknown = body?.['keys'];
  const shown = Array.isArray(keys) ? keys.map((key: { kid?: unknown } | null) => String(key?.kid)) : [];
  const own = publishedKeys(ring, now);
  const missing = own.filter(({ kid }) => !shown.includes(kid));
  const foreign = shown.filter((kid) => own.every((key) => key.kid !== kid));
  if (missing.length + foreign.length === 0) return fine(`the JWKS has the ${own.length} keys of the ring`);
  const differences = [
    ...(missing.length === 0 ? [] : [`lacks ${missing.map(({ kid }) => kid).join(', ')}`]),
    ...(foreign.length === 0 ? [] : [`has ${foreign.join(', ')}, which the ring does not publish`]),
  ].join(' and ');
  const cachedSeconds = (ring.timings.at(-1)?.jwksMaxAgeSeconds ?? 0) + RING_POLL_SECONDS;
  const changes = ring.keys.flatMap(({ publishedAt, revokedAt }) => [publishedAt, revokedAt ?? 0]);
  if (Math.max(...changes) + cachedSeconds * 1000 > now) {
    return warning(`the JWKS ${differences}; the ring has just changed`, `look again in ${cachedSeconds} s`);
  }
  return failed(
    `the JWKS ${differences}: the server goes by another ring, or a proxy keeps an old JWKS`,
    "compare KEY_STORE and KEYS_DIR with the server's; look for `key_ring_fault` in its log; empty the proxy's cache",
  );
}

export function judgeCaching(headers: Headers, ring: KeyRing): Finding {
  const said = headers.get('cache-control') ?? '';
  const allowedSeconds = ring.timings.at(-1)?.jwksMaxAgeSeconds ?? 0;
  const spans = [...said.matchAll(/(?:max-age|s-maxage|stale-while-revalidate|stale-if-error)=(\d+)/g)];
  const longestSeconds = Math.max(0, ...spans.map(([, seconds]) => Number(seconds)));
  const ageSeconds = Number(headers.get('age') ?? 0);
  const advice = 'let the proxy pass Cache-Control of the JWKS on as it is, and obey it';
  if (spans.length === 0) {
    return warning(`a proxy changed Cache-Control of the JWKS to ${JSON.stringify(said)}`, advice);
  }
  if (longestSeconds > allowedSeconds || ageSeconds > allowedSeconds) {
    const kept = Math.max(longestSeconds, ageSeconds);
    return failed(
      `the JWKS may be kept for ${kept} s, and keys count on ${allowedSeconds} s (JWKS_MAX_AGE): tokens by a new key would be refused`,
      `${advice}; or set JWKS_MAX_AGE=${kept}s`,
    );
  }
  return fine(`the JWKS may be kept for ${longestSeconds} s`);
}

const DAY_MS = 86_400_000;
/** An authority that renews by itself does so a month ahead; by then somebody must look. */
const SOON_DAYS = 14;

export function judgeCertificate({ fault, validUntil }: Certificate, now: EpochMs): Finding {
  const advice = 'renew it at the proxy';
  if (validUntil <= now) return failed(`the certificate ran out at ${toRfc3339(validUntil)}`, advice);
  if (fault !== null) return failed(`the certificate is not trusted: ${fault}`, advice);
  const days = Math.floor((validUntil - now) / DAY_MS);
  const shown = `the certificate is good for ${days} days, until ${toRfc3339(validUntil)}`;
  return days < SOON_DAYS ? warning(shown, advice) : fine(shown);
}
