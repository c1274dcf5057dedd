import t from 'tap';
import { aClient, PASSWORD, PROVIDERS, testIssuer } from '../helper.js';

for (const provider of PROVIDERS) {
  t.test(`on ${provider}`, async (t) => {
    t.test('50 parallel uses of one refresh token give one chain', async (t) => {
      const issuer = await testIssuer(t, provider);
      await issuer.clients.add(aClient());
      await issuer.addUser();
      const login = await issuer.post('/token', {
        grant_type: 'password',
        client_id: 'app',
        username: 'ada',
        password: PASSWORD,
      });
      t.equal(login.status, 200);
      const refresh = (token: unknown) =>
        issuer.post('/token', { grant_type: 'refresh_token', client_id: 'app', refresh_token: String(token) });
      const first = login.body['refresh_token'];
      const replies = await Promise.all(Array.from({ length: 50 }, () => refresh(first)));
      t.strictSame(new Set(replies.map(({ status }) => status)), new Set([200]));
      const successors = new Set(replies.map(({ body }) => body['refresh_token']));
      t.equal(successors.size, 1, 'everybody has the same successor');
      const [successor] = successors;
      t.not(successor, first);
      t.equal((await refresh(successor)).status, 200, 'and it works');
      const reused = await refresh(first);
      t.equal(reused.body['error'], 'invalid_grant', 'the first is a reuse now');
    });
  });
}
