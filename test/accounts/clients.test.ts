import t, { type Test } from 'tap';
import { type ClientDeps, changeClient, makeClient, rotateSecret } from '../../src/accounts/clients.js';
import type { Client } from '../../src/oauth/client.js';
import { sha256 } from '../../src/oauth/refresh-token.js';
import { openClients } from '../../src/store/clients.js';
import { aClient, START, testDatabase } from '../helper.js';

const DAY_SECONDS = 86_400;
const JWKS = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }] };
const ALONE = { kind: 'confidential', grants: ['client_credentials'] } as const;

/** The store, a clock to turn, and randomness that can be foretold. */
async function management(t: Test) {
  const clients = openClients(await testDatabase(t, 'sqlite'));
  let drawn = 0;
  const deps: ClientDeps = {
    clients,
    randomBytes: (size) => new Uint8Array(size).fill(++drawn),
    now: START,
    accessTokenMaxTtlSeconds: 3600,
  };
  const find = async (id: string): Promise<Client> => {
    const client = await clients.find(id);
    if (client === null) throw new Error(`there is no ${id}`);
    return client;
  };
  return { clients, deps, find, at: (seconds: number): ClientDeps => ({ ...deps, now: START + seconds * 1000 }) };
}

const secretOf = (result: unknown) => (result as { secret: string }).secret;
const sameHash = (hash: Uint8Array | null | undefined, secret: string) =>
  Buffer.compare(hash ?? Buffer.alloc(0), sha256(secret)) === 0;

t.test('a confidential client gets a secret of 256 bits, of which the hash is kept', async (t) => {
  const { deps, find } = await management(t);
  const made = await makeClient(deps, { id: 'app', ...ALONE });
  t.equal(secretOf(made), Buffer.alloc(32, 1).toString('base64url'));
  t.ok(sameHash((await find('app')).secretHash, secretOf(made)));
  t.match(await find('app'), { createdAt: START, revision: 0, previousSecret: null, jwks: null });
  t.equal(await makeClient(deps, { id: 'app', ...ALONE }), 'taken');
});

t.test('one with keys gets none, nor does a public one, and without an id one is made', async (t) => {
  const { deps, find } = await management(t);
  t.match(await makeClient(deps, { id: 'signer', ...ALONE, jwks: JWKS }), { secret: null });
  t.match(await find('signer'), { secretHash: null, jwks: JWKS });
  const made = await makeClient(deps, { kind: 'public', grants: ['password'] });
  t.match(made, { secret: null, client: { id: 'client-010101010101', name: 'client-010101010101' } });
});

t.test('what cannot be a client is not made, and every fault is a sentence', async (t) => {
  const { deps, clients } = await management(t);
  t.strictSame(await makeClient(deps, { id: 'a/b', kind: 'public', grants: [], accessTokenTtlSeconds: 3601 }), {
    faults: [
      'the client id must be 1 to 64 of A-Z a-z 0-9 . _ -',
      'name at least one grant: password, refresh_token, client_credentials',
      'the access token lifetime exceeds 1h: raise ACCESS_TOKEN_MAX_TTL, for the server as well',
    ],
  });
  const jwks = JWKS;
  t.match(await makeClient(deps, { kind: 'public', grants: ['password'], jwks }), {
    faults: [/neither a secret nor keys/],
  });
  t.equal(await clients.isEmpty(), true);
});

t.test('given settings are replaced as a whole, the others stay, and so does all that is no setting', async (t) => {
  const { deps, clients, find } = await management(t);
  const before = aClient({ audiences: ['a'], retryWindowSeconds: 5, tokensPerMinute: 3 });
  await clients.add(before);
  const more = { id: 'other', kind: 'confidential', disabledAt: 1, secretHash: new Uint8Array(32), revision: 9 };
  const changes = { ...more, scopes: ['read', 'read', 'x'], retryWindowSeconds: null, name: undefined };
  const expected = { ...before, scopes: ['read', 'x'], retryWindowSeconds: null, revision: 1 };
  t.strictSame(await changeClient(deps, 'app', changes), { client: expected, isChanged: true });
  t.strictSame(await find('app'), expected);
});

t.test('a change of nothing writes nothing', async (t) => {
  const { deps, clients, find } = await management(t);
  await clients.add(aClient());
  for (const changes of [{}, { scopes: ['read', 'write', 'read'] }, { name: 'App', accessTokenTtlSeconds: null }]) {
    t.match(await changeClient(deps, 'app', changes), { isChanged: false });
  }
  t.equal((await find('app')).revision, 0);
});

t.test('a change that cannot be, or was made for another client than there is, changes nothing', async (t) => {
  const { deps, clients, find } = await management(t);
  await clients.add(aClient());
  const before = await find('app');
  t.match(await changeClient(deps, 'app', { defaultScope: ['x'] }), { faults: [/default scope must lie within/] });
  t.match(await changeClient(deps, 'app', { accessTokenTtlSeconds: 3601 }), { faults: [/exceeds 1h/] });
  t.match(await changeClient(deps, 'app', { jwks: JWKS }), { faults: [/public client/] });
  t.equal(await changeClient(deps, 'nobody', { name: 'x' }), 'unknown');
  t.equal(await changeClient(deps, 'app', { name: 'x' }, 1), 'changed');
  t.strictSame(await find('app'), before);
  const late = { ...clients, find: async () => ({ ...before, revision: 7 }) };
  t.equal(await changeClient({ ...deps, clients: late }, 'app', { name: 'x' }), 'changed', 'between read and write');
  t.equal(await rotateSecret({ ...deps, clients: late }, 'app', 0, 8), 'changed');
});

t.test('keys take the place of both secrets, and there is no secret to rotate any more', async (t) => {
  const { deps, find } = await management(t);
  await makeClient(deps, { id: 'app', ...ALONE });
  await rotateSecret(deps, 'app', 60);
  t.match(await changeClient(deps, 'app', { jwks: JWKS }), { isChanged: true });
  t.match(await find('app'), { jwks: JWKS, secretHash: null, previousSecret: null, revision: 2 });
  t.match(await rotateSecret(deps, 'app', 60), { faults: ['app has no secret: it signs with keys of its own'] });
});

t.test('a new secret, and the one before it for a while', async (t) => {
  const { at, find } = await management(t);
  const first = secretOf(await makeClient(at(0), { id: 'app', ...ALONE }));
  const rotated = await rotateSecret(at(10), 'app', DAY_SECONDS);
  const second = secretOf(rotated);
  t.not(second, first);
  const client = await find('app');
  t.ok(sameHash(client.secretHash, second));
  t.ok(sameHash(client.previousSecret?.hash, first));
  t.equal(client.previousSecret?.expiresAt, START + (10 + DAY_SECONDS) * 1000);
  t.equal(client.revision, 1);
  const third = secretOf(await rotateSecret(at(20), 'app', 60, 1));
  t.ok(sameHash((await find('app')).previousSecret?.hash, second), 'only one before it is kept');
  await rotateSecret(at(30), 'app', 0);
  t.equal((await find('app')).previousSecret, null, 'an overlap of nothing ends it at once');
  t.notOk(sameHash((await find('app')).secretHash, third));
});

t.test('an old secret that is over goes with the next change, and not before it is over', async (t) => {
  const { at, find } = await management(t);
  await makeClient(at(0), { id: 'app', ...ALONE });
  await rotateSecret(at(0), 'app', 60);
  await changeClient(at(59), 'app', { name: 'one' });
  t.ok((await find('app')).previousSecret);
  await changeClient(at(60), 'app', { name: 'two' });
  t.equal((await find('app')).previousSecret, null);
});

t.test('who has no secret gets no new one, and an overlap has a limit', async (t) => {
  const { deps, clients } = await management(t);
  await clients.add(aClient());
  t.match(await rotateSecret(deps, 'app', 0), { faults: ['app has no secret: it is public'] });
  await makeClient(deps, { id: 'worker', ...ALONE });
  for (const overlap of [30 * DAY_SECONDS + 1, -1, Number.NaN]) {
    t.match(await rotateSecret(deps, 'worker', overlap), { faults: ['the overlap must be from 0s to 30d'] });
  }
  t.equal(await rotateSecret(deps, 'nobody', 0), 'unknown');
  t.equal(await rotateSecret(deps, 'worker', 0, 5), 'changed');
});
