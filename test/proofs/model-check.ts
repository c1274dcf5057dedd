import { deepStrictEqual as same } from 'node:assert/strict';
import { parseRefreshToken, sha256 } from '../../src/oauth/refresh-token.js';
import { bearerOf } from '../../src/tokens/bearer.js';
import type { TokenDeps } from '../../src/tokens/deps.js';
import { introspectToken } from '../../src/tokens/introspect.js';
import { endOf, type Login, verdictOn, whyEnded } from './model.js';
import type { Answered, Run } from './model-run.js';
import { CLIENTS } from './model-world.js';

/** What the table must look like after a sequence, read without asking any rule: one row a login, and nothing else. */
async function checkRows({ model, answered, world }: Run): Promise<void> {
  const rows = await world.real.database.prisma.family.findMany();
  const there = [...answered].filter(([login]) => login.isThere);
  same(rows.length, there.length, 'one row a login');
  for (const [login, { sid, refresh }] of there) {
    const row = rows.find(({ id }) => id === sid);
    same(row?.generation, login.newest, 'the generation counts the rotations');
    same(refresh.length, login.newest + 1, 'each rotation was answered once');
    same(row?.currentHash, secretHashOf(refresh.at(-1)), 'the newest token is the newest answered');
    same(row?.previousHash ?? null, login.newest === 0 ? null : secretHashOf(refresh.at(-2)));
    same(row?.rotatedAt?.getTime() ?? Number.NEGATIVE_INFINITY, login.rotatedAt);
    same([row?.revokedReason ?? null, row?.revokedAt?.getTime()], [login.revoked?.reason ?? null, login.revoked?.at]);
    const ends = [row?.absoluteExpiresAt, row?.idleExpiresAt].map((time) => time?.getTime());
    same(ends, [login.absoluteEnd, login.idleEnd]);
  }
  const listed = await world.real.sessions.list({ withEnded: true }, model.now, 1000);
  const shown = listed.map(({ sid, ended, expiresAt }) => ({ sid, ended, expiresAt }));
  const expected = there
    .filter(([login]) => login.absoluteEnd > model.now)
    .map(([login, { sid }]) => ({ sid, ended: whyEnded(login, model.now), expiresAt: endOf(login) }));
  same(shown.sort(bySid), expected.sort(bySid), 'and people see just that');
}

/** Every token ever answered: those the model calls usable are, and no other. Looking changes nothing. */
async function checkTokens({ model, answered, world }: Run): Promise<number> {
  let checked = 0;
  const tokens = readingOnce(world.real.tokens);
  for (const [login, { refresh, access }] of answered) {
    const { now } = model;
    const found = await tokens.clients.find(world.clientIdOf(login.app));
    const rules = CLIENTS[login.app.index];
    if (rules === undefined) throw new Error('no such client');
    for (const [n, token] of refresh.entries()) {
      const verdict = verdictOn(login, n, login.app, now);
      const isUsable = verdict === 'newest' || verdict === 'retry';
      if (found === null) same(isUsable, false);
      else {
        // Only a confidential client may ask, so a public one asks as if it were.
        const client = { ...found, kind: 'confidential', retryWindowSeconds: rules.windowSeconds } as const;
        const looked = await introspectToken(tokens, { client, token, now });
        same(looked.ok && looked.value.answer.active, isUsable, `refresh token ${n} of ${login.newest}: ${verdict}`);
      }
      checked++;
    }
    checked += await checkAccess(login, access, tokens, now);
  }
  return checked;
}

/** The same stores, each row read once: nothing changes while all tokens of a login are looked at. */
function readingOnce({ users, clients, families, ...others }: TokenDeps): TokenDeps {
  return {
    ...others,
    users: { ...users, find: once(users.find, (id) => id) },
    clients: { ...clients, find: once(clients.find, (id) => id) },
    families: {
      ...families,
      find: once(families.find, (by) => ('sid' in by ? by.sid : Buffer.from(by.handleHash).toString('hex'))),
    },
  };
}

function once<By, T>(read: (by: By) => Promise<T>, keyOf: (by: By) => string): (by: By) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (by) => {
    const row = known.get(keyOf(by)) ?? read(by);
    known.set(keyOf(by), row);
    return row;
  };
}

async function checkAccess(login: Login, access: Answered['access'], deps: TokenDeps, now: number): Promise<number> {
  const lives = login.isThere && whyEnded(login, now) === null;
  // The newest, and the oldest that has not run out: all others end with their login as these do.
  const newest = access.at(-1);
  const oldest = access.find(({ expiresAt }) => now < expiresAt);
  const chosen = [...new Set([newest, oldest])].filter((one) => one !== undefined);
  for (const { text, expiresAt } of chosen) {
    same((await bearerOf(deps, text, now)).ok, lives && now < expiresAt, 'an access token');
  }
  return chosen.length;
}

/**
 * Checks all that a sequence left behind, and clears it away by the removal of expired logins.
 *
 * @returns how many tokens were looked at
 */
export async function checkEnd(run: Run): Promise<number> {
  const checked = await checkTokens(run);
  // After the looking, which must not have changed anything.
  await checkRows(run);
  const { model, world } = run;
  model.now = Math.max(model.now, ...model.logins.map(({ absoluteEnd }) => absoluteEnd));
  same(await world.real.sessions.removeExpired(model.now, 1000), model.removeExpired(), 'all that expired is removed');
  same(await world.real.database.prisma.family.count(), 0, 'and nothing stays behind');
  return checked;
}

function secretHashOf(token: string | undefined): Uint8Array {
  return sha256(parseRefreshToken(token ?? '')?.secret ?? '');
}

function bySid(a: { sid: string }, b: { sid: string }): number {
  return a.sid < b.sid ? -1 : 1;
}
