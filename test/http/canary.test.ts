import t from 'tap';
import { sha256, successorOf } from '../../src/oauth/refresh-token.js';
import { aClient, basic, claimsOf, PROVIDERS, type TestIssuer } from '../helper.js';
import { aService, FORM, issuerWithClients, logIn, loginForm, refresh, sendBody } from '../rfc/setup.js';

const PASSWORD = 'canary+pass word"\\%ü';
const SECRET = 'canary:client+secret"\\%ü';
const WRONG = 'canary-wrong';
/** A scope that no client may have: of all that is sent, the log names only this. */
const SCOPE = 'canary-scope';

/** Every way in which a text may stand in a log line or a column. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const encodings = (['base64', 'base64url', 'hex', 'latin1'] as const).map((encoding) => bytes.toString(encoding));
  const escaped = [encodeURIComponent(secret), new URLSearchParams({ x: secret }).toString().slice(2)];
  return [secret, JSON.stringify(secret).slice(1, -1), ...escaped, ...encodings].map((text) => text.replace(/=+$/, ''));
}

/** A refresh token, its two halves, and the signature of an access token: with each of them somebody could do harm. */
function partsOf(body: Record<string, unknown>): string[] {
  const token = String(body['refresh_token'] ?? '');
  const bytes = Buffer.from(token.slice(4), 'base64url');
  const halves = [bytes.subarray(0, 16), bytes.subarray(16)];
  const texts = halves.flatMap((half) => (['hex', 'base64', 'base64url'] as const).map((how) => half.toString(how)));
  const signature = String(body['access_token'] ?? '').split('.')[2] ?? '';
  return [token, signature, ...texts].filter((part) => part !== '').map((text) => text.replace(/=+$/, ''));
}

/** Everything people do, rightly and wrongly; returns the tokens that were given out. */
async function traffic(issuer: TestIssuer): Promise<string[]> {
  const login = { username: 'mole', password: PASSWORD };
  const given = [await logIn(issuer, login), await logIn(issuer, login)];
  for (let i = 0; i < 3; i++) given.push((await refresh(issuer, given.at(-1)?.['refresh_token'])).body);
  const [first, , ...chain] = given;
  await refresh(issuer, chain[0]?.['refresh_token']);
  await refresh(issuer, first?.['refresh_token'], { client_id: 'service', client_secret: SECRET });
  const client = { grant_type: 'client_credentials', client_id: 'service', client_secret: SECRET };
  given.push((await issuer.post('/token', client)).body);
  const header = { authorization: basic('service', SECRET) };
  given.push((await issuer.post('/token', { grant_type: 'client_credentials' }, header)).body);
  const misplaced = [first?.['refresh_token'], first?.['access_token']].map(String);
  for (const form of [
    { ...login, password: WRONG },
    { ...login, username: WRONG },
    { ...login, client_id: WRONG },
    ...[SCOPE, PASSWORD, SECRET, ...misplaced].map((scope) => ({ ...login, scope })),
    ...misplaced.map((token) => ({ ...login, resource: `https://api.example/${token}?x=${token}` })),
    { ...login, resource: WRONG },
    { ...login, grant_type: WRONG },
    { ...login, client_secret: SECRET },
    { ...login, [WRONG]: WRONG },
  ]) {
    await issuer.post('/token', loginForm(form));
    await issuer.post('/token', loginForm(form), header);
  }
  for (const authorization of [basic('service', WRONG), basic(WRONG, SECRET), `Bearer ${WRONG}`, WRONG]) {
    await issuer.post('/token', client, { authorization, cookie: `x=${WRONG}`, 'user-agent': WRONG, origin: WRONG });
  }
  const tokens = given.flatMap(partsOf);
  await malformed(issuer, [PASSWORD, SECRET, ...tokens.slice(0, 2)]);
  return tokens;
}

/** The same secrets where they do not belong. */
async function malformed(issuer: TestIssuer, secrets: readonly string[]): Promise<void> {
  for (const secret of secrets) {
    const inUrl = encodeURIComponent(secret);
    const urls = [`/token?password=${inUrl}`, `/token?x=${inUrl}`, `/${inUrl}`, `/%zz${inUrl}`, `/token?%zz=${inUrl}`];
    for (const url of urls) {
      for (const method of ['GET', 'POST', 'PUT'] as const) await issuer.app.inject({ method, url });
    }
    const json = JSON.stringify({ password: secret });
    for (const [type, body] of [
      [FORM, `password=${inUrl}&x=%zz`],
      [FORM, `password=${inUrl}&password=${inUrl}`],
      ['application/json', json.slice(0, -1)],
      ['application/json', json.replace('{', '{"password":"x",')],
      ['application/json', JSON.stringify({ password: [secret] })],
      ['text/plain', secret],
      [`text/${inUrl}`, secret],
      [FORM, `password=${inUrl}&x=${'x'.repeat(20_000)}`],
    ] as const) {
      await sendBody(issuer, type, body);
    }
  }
}

/** Whatever the database holds, with bytes in every spelling. */
async function everyRow({ database: { prisma } }: TestIssuer): Promise<string> {
  const tables = [prisma.user, prisma.client, prisma.family, prisma.installation] as const;
  const rows: unknown[] = [];
  for (const table of tables) rows.push(...(await (table.findMany as () => Promise<unknown[]>)()));
  return JSON.stringify(rows, (_name, value) => {
    if (!(value instanceof Uint8Array)) return value;
    return (['hex', 'base64', 'base64url', 'latin1'] as const).map((how) => Buffer.from(value).toString(how));
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: no secret is in a log line at any level, nor in the database`, async (t) => {
    const clients = [aClient(), aService({ secretHash: sha256(SECRET) })];
    const issuer = await issuerWithClients(t, { provider, clients });
    await issuer.addUser({ username: 'mole', password: PASSWORD });
    const tokens = await traffic(issuer);
    const secrets = [...[PASSWORD, SECRET, WRONG].flatMap(spellings), ...tokens];
    t.ok(issuer.log.length > 100, 'much was logged');
    t.ok(tokens.length > 30, 'many tokens were given out');
    const log = issuer.log.join('');
    const rows = await everyRow(issuer);
    t.match(rows, /mole/, 'the rows were read');
    for (const secret of new Set(secrets)) {
      t.notOk(log.includes(secret), `not in the log: ${secret.slice(0, 24)}`);
      t.notOk(rows.includes(secret), `not in the database: ${secret.slice(0, 24)}`);
    }
    t.match(log, `"scope":"${SCOPE}"`, 'the refused scope is named');
    t.notMatch(log, /authorization|cookie|user-agent/i, 'no header is logged');
    t.strictSame(log.match(/\?[a-z%]+=/g), null, 'no URL is logged');
  });

  t.test(
    `on ${provider}: a copy of the database yields no token, nor does one beside a superseded token`,
    async (t) => {
      const issuer = await issuerWithClients(t, { provider });
      const login = await logIn(issuer);
      const second = (await refresh(issuer, login['refresh_token'])).body['refresh_token'];
      const third = (await refresh(issuer, second)).body['refresh_token'];
      const { sid } = claimsOf(login['access_token']);
      const row = await issuer.database.prisma.family.findUniqueOrThrow({ where: { id: String(sid) } });
      const secretOf = (token: unknown) =>
        new Uint8Array(Buffer.from(String(token).slice(4), 'base64url').subarray(16));
      const key = row.successorKey ?? new Uint8Array();
      const guesses = [row.currentHash, row.previousHash ?? key, key, secretOf(login['refresh_token'])];
      for (const guess of guesses) {
        for (const candidate of [guess, successorOf(guess, key), successorOf(key, guess)]) {
          t.not(Buffer.compare(candidate, secretOf(third)), 0);
        }
      }
    },
  );
}
