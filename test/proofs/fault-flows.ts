import type { InjectOptions } from 'fastify';
import { claimsOf, PASSWORD, type TestIssuer } from '../helper.js';
import { logIn, SERVICE, send } from '../rfc/setup.js';
import { bearer, type Flow, ORIGIN, post, type Request, refreshing } from './fault-requests.js';

const UPDATE_FAMILIES = { table: 'families', operation: 'UPDATE' } as const;

async function onlyFamily({ database }: TestIssuer) {
  return database.prisma.family.findFirstOrThrow();
}

/** A login with as many refreshes behind it as wanted; all its refresh tokens. */
async function chain(issuer: TestIssuer, refreshes: number) {
  const login = await logIn(issuer);
  const tokens = [String(login['refresh_token'])];
  for (let i = 0; i < refreshes; i++) {
    tokens.push(String((await send(issuer, refreshing(tokens.at(-1)))).body['refresh_token']));
  }
  return { login, sid: String(claimsOf(login['access_token'])['sid']), tokens };
}

/** A refresh that goes on: whatever was answered before, there is one chain, and it is this answer's. */
function oneChain(issuer: TestIssuer, options: InjectOptions, generation: number): Request['after'] {
  return async (t, answer) => {
    t.equal(await issuer.database.prisma.family.count(), 1, 'one row');
    t.equal((await onlyFamily(issuer)).generation, generation, 'rotated once');
    const again = await send(issuer, options);
    t.equal(again.body['refresh_token'], answer.body['refresh_token'], 'sent once more, it gets the same successor');
    const next = await send(issuer, refreshing(answer.body['refresh_token']));
    t.equal(next.status, 200, 'which goes on');
    t.equal((await onlyFamily(issuer)).generation, generation + 1);
  };
}

function isOver(issuer: TestIssuer, reason: string, newest: unknown): Request['after'] {
  return async (t) => {
    t.equal((await onlyFamily(issuer)).revokedReason, reason, 'the end is stored');
    t.match(await send(issuer, refreshing(newest)), { status: 400, body: { error: 'invalid_grant' } }, 'it is over');
  };
}

const refreshFlows: readonly Flow[] = [
  {
    name: 'login',
    reads: ['clients', 'users'],
    writes: { table: 'families', operation: 'INSERT' },
    async prepare(issuer) {
      const form = { grant_type: 'password', client_id: 'app', username: 'ada', password: PASSWORD };
      const after: Request['after'] = async (t, answer) => {
        t.equal((await send(issuer, refreshing(answer.body['refresh_token']))).status, 200, 'it can be refreshed');
      };
      const good = { status: 200, body: { token_type: 'Bearer' } };
      return { send: () => send(issuer, post('/token', form)), good, after, secrets: [PASSWORD] };
    },
  },
  {
    name: 'refresh',
    reads: ['clients'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const { tokens } = await chain(issuer, 0);
      const options = refreshing(tokens[0]);
      const after = oneChain(issuer, options, 1);
      return { send: () => send(issuer, options), good: { status: 200 }, after, secrets: tokens };
    },
  },
  {
    name: 'narrowed refresh',
    reads: ['clients', 'families'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const { tokens } = await chain(issuer, 0);
      const options = refreshing(tokens[0], { scope: 'read' });
      const good = { status: 200, body: { scope: 'read' } };
      return { send: () => send(issuer, options), good, after: oneChain(issuer, options, 1), secrets: tokens };
    },
  },
  {
    name: 'retry',
    reads: ['clients', 'families'],
    writes: null,
    decidesNothing: true,
    async prepare(issuer) {
      const { tokens } = await chain(issuer, 1);
      const options = refreshing(tokens[0]);
      const good = { status: 200, body: { refresh_token: tokens[1] } };
      return { send: () => send(issuer, options), good, after: oneChain(issuer, options, 1), secrets: tokens };
    },
  },
  {
    name: 'reuse',
    reads: ['clients', 'families'],
    writes: UPDATE_FAMILIES,
    decidesNothing: true,
    async prepare(issuer) {
      const { tokens } = await chain(issuer, 2);
      const good = { status: 400, body: { error: 'invalid_grant' } };
      const after = isOver(issuer, 'reuse', tokens.at(-1));
      return { send: () => send(issuer, refreshing(tokens[0])), good, after, secrets: tokens };
    },
  },
];

const endingFlows: readonly Flow[] = [
  {
    name: 'revocation by a refresh token',
    reads: ['clients', 'families'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const { tokens } = await chain(issuer, 1);
      const options = post('/revoke', { client_id: 'app', token: String(tokens[0]) });
      const after = isOver(issuer, 'revoked', tokens[1]);
      return { send: () => send(issuer, options), good: { status: 200 }, after, secrets: tokens };
    },
  },
  {
    name: 'revocation by an access token',
    reads: ['clients'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const { login, tokens } = await chain(issuer, 0);
      const token = String(login['access_token']);
      const options = post('/revoke', { client_id: 'app', token });
      const after = isOver(issuer, 'revoked', tokens[0]);
      return { send: () => send(issuer, options), good: { status: 200 }, after, secrets: [token] };
    },
  },
  {
    name: 'logout',
    reads: ['clients', 'families'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const page = { origin: ORIGIN, 'x-requested-with': 'fetch' };
      const form = { grant_type: 'password', client_id: 'page', username: 'ada', password: PASSWORD };
      const [cookie = ''] = String((await send(issuer, post('/token', form, page))).headers['set-cookie']).split(';');
      const options = post('/logout', { client_id: 'page' }, { ...page, cookie });
      const after: Request['after'] = async (t, answer) => {
        t.match(answer.headers['set-cookie'], /Max-Age=0/, 'the cookie is taken away');
        t.equal((await onlyFamily(issuer)).revokedReason, 'logout');
        const more = { ...page, cookie };
        const refreshed = await send(issuer, post('/token', { grant_type: 'refresh_token', client_id: 'page' }, more));
        t.match(refreshed, { status: 400, body: { error: 'invalid_grant' } }, 'it is over');
      };
      const secrets = [cookie.split('=')[1] ?? ''];
      return { send: () => send(issuer, options), good: { status: 204 }, after, secrets };
    },
  },
  {
    name: 'ending another session',
    reads: ['clients', 'users', 'families'],
    writes: UPDATE_FAMILIES,
    async prepare(issuer) {
      const { sid, tokens } = await chain(issuer, 0);
      const other = (await logIn(issuer))['access_token'];
      const options = bearer(`/sessions/${sid}`, other, 'DELETE');
      const after: Request['after'] = async (t) => {
        const ended = await issuer.database.prisma.family.findUnique({ where: { id: sid } });
        t.equal(ended?.revokedReason, 'ended_by_user');
        t.equal((await send(issuer, refreshing(tokens[0]))).status, 400, 'it is over');
        t.equal((await send(issuer, bearer('/userinfo', other))).status, 200, 'the other is not');
      };
      return { send: () => send(issuer, options), good: { status: 204 }, after, secrets: [String(other)] };
    },
  },
  {
    name: 'ending all sessions',
    reads: ['clients', 'users', 'families'],
    writes: { table: 'users', operation: 'UPDATE' },
    async prepare(issuer) {
      const { login, tokens } = await chain(issuer, 0);
      const options = bearer('/sessions', login['access_token'], 'DELETE');
      const after: Request['after'] = async (t) => {
        t.equal((await send(issuer, refreshing(tokens[0]))).status, 400, 'it is over');
      };
      return { send: () => send(issuer, options), good: { status: 204 }, after, secrets: tokens };
    },
  },
];

/** Requests that only look. */
const lookingFlows: readonly Flow[] = [
  {
    name: 'introspection of a refresh token',
    reads: ['clients', 'families'],
    writes: null,
    prepare: (issuer) => looking(issuer, (tokens) => post('/introspect', { token: tokens.refresh }, SERVICE), 'active'),
  },
  {
    name: 'introspection of an access token',
    reads: ['clients', 'users', 'families'],
    writes: null,
    prepare: (issuer) => looking(issuer, (tokens) => post('/introspect', { token: tokens.access }, SERVICE), 'active'),
  },
  {
    name: 'userinfo',
    reads: ['clients', 'users', 'families'],
    writes: null,
    prepare: (issuer) => looking(issuer, ({ access }) => bearer('/userinfo', access), 'sub'),
  },
  {
    name: 'the list of sessions',
    reads: ['clients', 'users', 'families'],
    writes: null,
    prepare: (issuer) => looking(issuer, ({ access }) => bearer('/sessions', access), 'sessions'),
  },
];

async function looking(
  issuer: TestIssuer,
  optionsFor: (tokens: { refresh: string; access: string }) => InjectOptions,
  member: string,
): Promise<Request> {
  const form = { grant_type: 'password', username: 'ada', password: PASSWORD };
  const { body } = await send(issuer, post('/token', form, SERVICE));
  const tokens = { refresh: String(body['refresh_token']), access: String(body['access_token']) };
  const options = optionsFor(tokens);
  const after: Request['after'] = async (t, answer) => {
    t.ok(answer.body[member], `it says ${member}`);
  };
  return { send: () => send(issuer, options), good: { status: 200 }, after, secrets: Object.values(tokens) };
}

/** Every flow, with each statement it makes. */
export const FLOWS: readonly Flow[] = [...refreshFlows, ...endingFlows, ...lookingFlows];
