import t from 'tap';
import { DatabaseUnavailable } from '../../src/store/outage.js';
import { PASSWORD } from '../helper.js';
import { issuerWithClients, logIn, loginForm, refresh, SERVICE } from '../rfc/setup.js';
import { samples } from './metrics-support.js';
import { postForm, whileFailing } from './support.js';

/** A word of a stranger, where a word of ours might be expected. */
const STRANGE = 'zz"stranger\\';

/** What has grown, and by how much. */
function grown(before: Record<string, number>, after: Record<string, number>, name: string): Record<string, number> {
  const all = Object.entries(after).filter(([sample]) => sample.startsWith(`${name}{`));
  return Object.fromEntries(
    all
      .map(([sample, value]): [string, number] => [sample.slice(name.length), value - (before[sample] ?? 0)])
      .filter(([, difference]) => difference > 0),
  );
}

const token = (grant: string, result: string, reason = 'none') =>
  `{grant="${grant}",result="${result}",reason="${reason}"}`;

t.test('requests for tokens are counted by grant, result and reason', async (t) => {
  const issuer = await issuerWithClients(t);
  const { families } = issuer.grants;
  const login = await logIn(issuer);
  const post = (form: Record<string, string>, headers = {}) => postForm(issuer, '/token', form, headers);
  const stale = { grant_type: 'refresh_token', client_id: 'app', refresh_token: 'mrt_none' };
  const outage = () =>
    whileFailing(families, 'rotate', new DatabaseUnavailable('gone'), () => refresh(issuer, login['refresh_token']));
  const bug = () => whileFailing(families, 'rotate', new Error('bug'), () => refresh(issuer, login['refresh_token']));
  const rows: readonly (readonly [what: string, send: () => Promise<unknown>, labels: string])[] = [
    ['a login', () => logIn(issuer), token('password', 'ok')],
    ['a wrong password', () => post(loginForm({ password: 'wrong' })), token('password', 'refused', 'password_wrong')],
    ['a refresh', () => refresh(issuer, login['refresh_token']), token('refresh_token', 'ok')],
    ['no refresh token', () => post(stale), token('refresh_token', 'refused', 'refresh_token_malformed')],
    ['its own', () => post({ grant_type: 'client_credentials' }, SERVICE), token('client_credentials', 'ok')],
    ['an outage', outage, token('refresh_token', 'unavailable', 'unavailable')],
    ['a bug', bug, token('refresh_token', 'failed')],
    ['a strange grant', () => post(loginForm({ grant_type: STRANGE })), token('none', 'refused', 'grant_type_unknown')],
    [
      'a strange client',
      () => post({ ...stale, client_id: STRANGE }),
      token('refresh_token', 'refused', 'client_unknown'),
    ],
    [
      'no body',
      () => issuer.app.inject({ method: 'POST', url: '/token' }),
      token('none', 'refused', 'content_type_unsupported'),
    ],
    [
      'a password in the URL',
      () => issuer.app.inject({ method: 'POST', url: `/token?password=${PASSWORD}` }),
      token('none', 'refused', 'credential_in_url'),
    ],
    ['too large a body', () => post({ scope: 'x'.repeat(20_000) }), token('none', 'refused', 'body_too_large')],
  ];
  for (const [what, send, labels] of rows) {
    const before = await samples(issuer);
    await send();
    const after = await samples(issuer);
    t.strictSame(grown(before, after, 'mintd_token_requests_total'), { [labels]: 1 }, what);
  }
});

t.test('refreshes are counted as what they were, from zero', async (t) => {
  const issuer = await issuerWithClients(t);
  const kinds = async () => {
    const all = await samples(issuer);
    return ['rotated', 'retry', 'reuse'].map((kind) => all[`mintd_refreshes_total{kind="${kind}"}`]);
  };
  t.strictSame(await kinds(), [0, 0, 0]);
  const first = await logIn(issuer);
  const second = (await refresh(issuer, first['refresh_token'])).body;
  t.strictSame(await kinds(), [1, 0, 0]);
  await refresh(issuer, first['refresh_token']);
  t.strictSame(await kinds(), [1, 1, 0]);
  await refresh(issuer, second['refresh_token']);
  await refresh(issuer, first['refresh_token']);
  t.strictSame(await kinds(), [2, 1, 1]);
});

t.test('all requests are counted by the pattern of their path, whatever stands in it', async (t) => {
  const issuer = await issuerWithClients(t);
  const { app } = issuer;
  const count = 'mintd_http_request_duration_seconds_count';
  const before = await samples(issuer);
  await app.inject('/livez');
  const strange = encodeURIComponent(STRANGE);
  await app.inject(`/${strange}`);
  await app.inject({ method: 'DELETE', url: `/sessions/${strange}` });
  await app.inject({ method: 'PROPFIND' as 'GET', url: '/livez' });
  await app.inject({ method: 'GET', url: '/token' });
  const after = await samples(issuer);
  t.strictSame(grown(before, after, count), {
    '{route="/metrics",method="GET",status="2xx"}': 1,
    '{route="/livez",method="GET",status="2xx"}': 1,
    '{route="none",method="GET",status="4xx"}': 2,
    '{route="/sessions/:sid",method="DELETE",status="4xx"}': 1,
    '{route="none",method="other",status="4xx"}': 1,
  });
  t.notMatch((await app.inject('/metrics')).body, /stranger|PROPFIND/);
});

t.test('strangers cannot make more and more samples', async (t) => {
  const issuer = await issuerWithClients(t);
  const send = async (n: number) => {
    await postForm(issuer, '/token', { grant_type: `g${n}`, client_id: `c${n}`, username: `u${n}`, scope: `s${n}` });
    await issuer.app.inject({ method: 'POST', url: `/p${n}?q=${n}`, headers: { 'x-request-id': `r${n}` } });
    await issuer.app.inject({ method: 'GET', url: `/admin/users/${n}`, headers: { authorization: `Bearer t${n}` } });
  };
  await send(0);
  await samples(issuer);
  const before = Object.keys(await samples(issuer));
  for (let n = 1; n < 30; n++) await send(n);
  t.strictSame(Object.keys(await samples(issuer)), before);
});

t.test('statements and passwords are counted by what they cost and how they ended', async (t) => {
  const { deps, app } = await issuerWithClients(t);
  const { meter } = deps;
  meter.statement({ ms: 3, outcome: 'ok', retries: 2 });
  meter.statement({ ms: 2000, outcome: 'unavailable', retries: 0 });
  meter.statement({ ms: 1, outcome: 'failed', retries: 0 });
  meter.statement({ ms: 1, outcome: 'conflict', retries: 0 });
  meter.password('wait', 300);
  meter.password('verify', 75);
  t.match(await samples({ app }), {
    mintd_database_statement_duration_seconds_count: 4,
    mintd_database_statement_duration_seconds_sum: 2.005,
    'mintd_database_errors_total{kind="busy_retried"}': 2,
    'mintd_database_errors_total{kind="unavailable"}': 1,
    'mintd_database_errors_total{kind="failed"}': 1,
    'mintd_password_duration_seconds_sum{phase="wait"}': 0.3,
    'mintd_password_duration_seconds_count{phase="verify"}': 1,
    'mintd_password_duration_seconds_count{phase="hash"}': 0,
  });
});
