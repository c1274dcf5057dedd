import type { FastifyInstance } from 'fastify';
import type { KeyStatus } from '../keys/keeper.js';
import { addressOfPath, DEMO, nextCommands, tokenCommand } from '../oauth/first-steps.js';
import { PATHS } from '../oauth/metadata.js';
import { type EpochMs, toRfc3339 } from '../oauth/time.js';
import type { Readiness } from './health.js';
import { type Html, html, sendPage } from './page.js';

export type StartPageOptions = {
  readonly issuer: string;
  /** Of this program. */
  readonly version: string;
  /** How mintd's commands are typed: `mintd` or `npx mintd`. */
  readonly command: string;
  /** Whether there is /docs, and /openapi.json. */
  readonly hasDocs: boolean;
  /** Whether the client of the first start is still there; asked of the database. */
  readonly hasDemo: () => Promise<boolean>;
  readonly readiness: () => Promise<Readiness>;
  readonly keyStatus: (now: EpochMs) => KeyStatus;
  readonly clock: () => EpochMs;
};

/** GET /, in development: what runs here, whether it is well, and what to do next. */
export async function startPage(app: FastifyInstance, options: StartPageOptions): Promise<void> {
  const { readiness, keyStatus, clock, hasDemo, version } = options;
  app.get(PATHS.start, { schema: { hide: true } }, async (_request, reply) => {
    const checks = await readiness();
    const now = clock();
    const isReachable = checks.database && checks.schema;
    const body = html`<h1>mintd <small>${version}</small></h1>
<p>This server checks passwords and issues access tokens (OAuth 2) that your services verify by themselves.</p>
${health(checks, keyStatus(now), now)}
${firstToken(options, isReachable && (await hasDemo()))}
${links(options)}
<h2>Next</h2>
${nextCommands(options.command).map(({ label, line }) => html`<p class="soft">${label}</p><pre>${line}</pre>`)}
<p class="soft foot">This page is here in development only. In production the same address is a 404.</p>`;
    return sendPage(reply, 'mintd', body);
  });
}

function health(checks: Readiness, keys: KeyStatus, now: EpochMs): Html {
  const isReady = Object.values(checks).every(Boolean);
  const state = isReady && keys.isFaulty ? 'Ready, with the last good key ring' : isReady ? 'Ready' : 'Not ready';
  return html`<section class="card">
<p class="state${isReady && !keys.isFaulty ? '' : ' bad'}">${state}</p>
<dl>
${row('Database', checks.database, 'answers', 'does not answer')}
${row('Schema', checks.schema, 'up to date', checks.database ? 'not that of this version' : 'not known')}
${row('Key ring', checks.keys && !keys.isFaulty, 'good', keys.isFaulty ? 'cannot be read' : 'has no usable key')}
<dt>Signing key</dt><dd>${keys.kid === null ? 'none' : html`<code>${keys.kid}</code>`}</dd>
<dt>Next rotation</dt><dd>${keys.nextRotationAt === null ? 'none is planned' : whenIs(keys.nextRotationAt, now)}</dd>
</dl>
</section>`;
}

function row(name: string, isGood: boolean, good: string, bad: string): Html {
  return html`<dt>${name}</dt><dd${isGood ? '' : html` class="bad"`}>${isGood ? good : bad}</dd>`;
}

const UNITS = [
  [86_400_000, 'days'],
  [3_600_000, 'hours'],
  [60_000, 'minutes'],
] as const;

/** A time, and how far away it is in the largest unit of which there are two. */
function whenIs(at: EpochMs, now: EpochMs): Html {
  const [ms, unit] = UNITS.find(([size]) => at - now >= 2 * size) ?? [1000, 'seconds'];
  return html`in ${Math.max(0, Math.round((at - now) / ms))} ${unit} <span class="soft">(${toRfc3339(at)})</span>`;
}

function firstToken({ issuer, command }: StartPageOptions, hasDemo: boolean): Html {
  if (!hasDemo) {
    return html`<h2>Get a token</h2>
<p>That takes a client and a user. The commands below make one of each.</p>`;
  }
  return html`<h2>Get a token</h2>
<pre>${tokenCommand(issuer, '…').replaceAll(' -d ', ' \\\n  -d ')}</pre>
<p class="soft">The first start printed the password in the terminal, once. This gives the user another:</p>
<pre>${command} users set-password ${DEMO}</pre>`;
}

function links({ issuer, hasDocs }: StartPageOptions): Html {
  const docs = [
    [PATHS.docs, 'try every endpoint'],
    [PATHS.openapi, 'its description for programs (OpenAPI)'],
  ] as const;
  const all = [
    ...(hasDocs ? docs : []),
    [PATHS.authorizationServerMetadata, 'what clients discover (RFC 8414)'],
    [PATHS.jwks, 'the keys with which services verify tokens'],
    [PATHS.readyz, 'health, for probes'],
    [PATHS.metrics, 'metrics, for Prometheus'],
  ] as const;
  const { pathname } = new URL(issuer);
  const rows = all.map(
    ([path, purpose]) => html`<dt><a href="${addressOfPath(pathname, path)}">${path}</a></dt><dd>${purpose}</dd>`,
  );
  return html`<h2>Look around</h2><dl>${rows}</dl>`;
}
