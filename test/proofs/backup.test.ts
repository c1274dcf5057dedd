import t from 'tap';
import { PROVIDERS } from '../helper.js';
import { assertError, assertTokens, issuerWithClients, logIn, refresh } from '../rfc/setup.js';

for (const provider of PROVIDERS) {
  t.test(`on ${provider}: after an older backup was restored`, async (t) => {
    const issuer = await issuerWithClients(t, { provider });
    const { family } = issuer.database.prisma;
    const used = await logIn(issuer);
    const unused = await logIn(issuer);
    const backup = await family.findMany();
    const second = (await refresh(issuer, used['refresh_token'])).body['refresh_token'];
    const third = (await refresh(issuer, second)).body['refresh_token'];
    const begunLater = await logIn(issuer);
    await family.deleteMany();
    await family.createMany({ data: backup });

    t.test('a login that was not refreshed since goes on', async (t) => {
      assertTokens(t, await refresh(issuer, unused['refresh_token']));
    });
    t.test('a token newer than the backup is refused, and no second chain begins beside it', async (t) => {
      assertError(t, await refresh(issuer, third), 400, 'invalid_grant');
      assertError(
        t,
        await refresh(issuer, used['refresh_token']),
        400,
        'invalid_grant',
        'what the backup took for the newest',
      );
    });
    t.test('a login begun since is refused, and nothing is confused with it', async (t) => {
      assertError(t, await refresh(issuer, begunLater['refresh_token']), 400, 'invalid_grant');
    });
    t.test('people log in again', async (t) => {
      assertTokens(t, await refresh(issuer, (await logIn(issuer))['refresh_token']));
    });
    t.test('and one command ends every login a backup may have brought back', async (t) => {
      const token = (await logIn(issuer))['refresh_token'];
      await issuer.clients.endLogins('app');
      for (const one of [token, unused['refresh_token']]) {
        assertError(t, await refresh(issuer, one), 400, 'invalid_grant');
      }
      assertTokens(t, await refresh(issuer, (await logIn(issuer))['refresh_token']), 'a new login');
    });
  });
}
