import t, { type Test } from 'tap';
import { PROVIDERS, type TestIssuer } from '../helper.js';
import { asBearer } from '../http/support.js';
import { assertTokens, issuerWithClients } from '../rfc/setup.js';
import { assertBlocked, guess, guessWrongly, logInFrom, STRANGER } from './support.js';

const HOME = '198.51.100.7';
const ELSEWHERE = '198.51.100.8';
const LIMITS = { failuresPerAccount: 2, failuresPerAddress: 5, windowSeconds: 60 };

/** Guesses at as many names, each let through. */
async function guessAround(t: Test, issuer: TestIssuer, count: number, address: string | readonly string[]) {
  const addresses = [address].flat();
  for (let i = 0; i < count; i++)
    await guessWrongly(t, issuer, 1, crypto.randomUUID(), addresses[i % addresses.length]);
}

function addresses(t: Test, issuer: TestIssuer): void {
  t.test('so many failures block an address for every name, and no other address', async (t) => {
    await guessAround(t, issuer, 5, '192.0.2.1');
    assertBlocked(t, await guess(issuer, 'nobody', '192.0.2.1'), 10, 'a name nobody has');
    assertBlocked(t, await logInFrom(issuer, '192.0.2.1'), 10, 'the right password of another');
    assertTokens(t, await logInFrom(issuer, '192.0.2.2'), 'from elsewhere');
    issuer.clock.now += 10_000;
    await guessAround(t, issuer, 1, '192.0.2.1');
    assertBlocked(t, await guess(issuer, 'nobody', '192.0.2.1'), 20, 'and so on');
  });

  t.test('a success gives back only its own attempt: who has an account gains no guess by it', async (t) => {
    const own = () => logInFrom(issuer, '192.0.2.3');
    for (let i = 0; i < 4; i++) {
      await guessAround(t, issuer, 1, '192.0.2.3');
      assertTokens(t, await own(), 'the own account');
    }
    for (let i = 0; i < 3; i++) assertTokens(t, await own(), 'which costs nothing');
    await guessAround(t, issuer, 1, '192.0.2.3');
    assertBlocked(t, await own(), 10, 'and then not even that');
  });

  t.test('what is refused for the name does not count for the address', async (t) => {
    await guessWrongly(t, issuer, 2, 'blocked', '192.0.2.4');
    for (let i = 0; i < 8; i++) assertBlocked(t, await guess(issuer, 'blocked', '192.0.2.4'), 10, 'the name');
    await guessAround(t, issuer, 3, '192.0.2.4');
    assertBlocked(t, await guess(issuer, 'nobody', '192.0.2.4'), 10, 'the address');
  });

  t.test('IPv6 is counted by its first 64 bits', async (t) => {
    const mine = ['2001:db8:1:2::1', '2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2:0:1::'];
    await guessAround(t, issuer, 5, mine);
    for (const address of [...mine, '2001:db8:1:2::7']) {
      assertBlocked(t, await guess(issuer, 'nobody', address), 10, address);
    }
    for (const address of ['2001:db8:1:3::1', '2001:db8::1:2:0:1']) await guessAround(t, issuer, 1, address);
  });

  t.test('IPv4 that arrives as IPv6 is IPv4: one counter for both, and one for each address', async (t) => {
    await guessAround(t, issuer, 5, ['192.0.2.5', '::ffff:192.0.2.5', '::ffff:c000:205']);
    for (const address of ['192.0.2.5', '::ffff:192.0.2.5']) {
      assertBlocked(t, await guess(issuer, 'nobody', address), 10, address);
    }
    await guessAround(t, issuer, 1, '::ffff:192.0.2.15');
  });
}

function owners(t: Test, issuer: TestIssuer): void {
  t.test('strangers do not shut out an owner where the owner is logged in', async (t) => {
    await issuer.addUser({ username: 'owner' });
    const own = (address = HOME) => logInFrom(issuer, address, { username: 'owner' });
    const { body } = await own();
    await guessWrongly(t, issuer, 2, 'owner');
    assertBlocked(t, await own(ELSEWHERE), 10, 'where the owner never was');
    for (let i = 0; i < 3; i++) assertTokens(t, await own(), 'at home');
    assertBlocked(t, await guess(issuer, 'owner'), 10, 'strangers still wait');

    await guessWrongly(t, issuer, 2, 'owner', HOME);
    assertBlocked(t, await own(), 10, 'who guesses at home is limited as well');
    issuer.clock.now += 10_000;
    await guessWrongly(t, issuer, 1, 'owner');
    assertTokens(t, await own(), 'and free again after that');
    await guessWrongly(t, issuer, 2, 'owner', HOME);
    assertBlocked(t, await own(), 10, 'it says when the owner may, not when strangers may');

    issuer.clock.now += 10_000;
    t.equal((await asBearer(issuer, 'DELETE', '/sessions', body['access_token'])).status, 204);
    assertBlocked(t, await own(), 10, 'no login lives there any more');
  });

  t.test('a login of somebody else there helps nobody', async (t) => {
    const [ben, eve] = ['198.51.100.20', '198.51.100.21'];
    for (const [username, address] of [
      ['ben', ben],
      ['eve', eve],
    ] as const) {
      await issuer.addUser({ username });
      assertTokens(t, await logInFrom(issuer, address, { username }));
    }
    await guessWrongly(t, issuer, 2, 'ben');
    assertBlocked(t, await guess(issuer, 'ben', eve), 10, 'from where eve lives');
    assertTokens(t, await logInFrom(issuer, ben, { username: 'ben' }), 'where ben does, it does');
  });

  t.test('the answer takes the same questions to the database for a name nobody has', async (t) => {
    const asked: string[] = [];
    for (const [part, name] of [
      [issuer.users, 'findByLogin'],
      [issuer.sessions, 'livesAt'],
    ] as const) {
      const real = (part as Record<string, unknown>)[name] as (...given: unknown[]) => unknown;
      const noted = (...given: unknown[]) => {
        asked.push(name);
        return real(...given);
      };
      Object.assign(part, { [name]: noted });
      t.teardown(() => Object.assign(part, { [name]: real }));
    }
    await issuer.addUser({ username: 'known' });
    for (const username of ['known', 'unknown']) {
      await guessWrongly(t, issuer, 2, username);
      asked.length = 0;
      assertBlocked(t, await guess(issuer, username), 10, username);
      t.strictSame(asked, ['findByLogin', 'livesAt'], username);
    }
  });
}

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    const issuer = await issuerWithClients(t, { provider, overrides: { accounts: { limits: LIMITS } } });
    t.beforeEach(() => {
      issuer.clock.now += 3_600_000;
    });
    addresses(t, issuer);
    owners(t, issuer);
  });

  t.test(`${provider}: by default an address has a hundred`, async (t) => {
    const issuer = await issuerWithClients(t, { provider });
    await guessAround(t, issuer, 100, STRANGER);
    assertBlocked(t, await guess(issuer), 10, 'the next');
  });
}
