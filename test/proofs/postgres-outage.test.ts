// PostgreSQL is stopped and started while people refresh and log in. Meanwhile every request is answered within 3 s, by 503
// with Retry-After where the database is needed; afterwards everything goes on without a restart, and nobody is logged
// out.
import t from 'tap';
import { finish, goThrough, startOwnCluster, startScene } from './outage.js';

t.test('PostgreSQL is stopped and started under load', async (t) => {
  const { postgres, cluster } = await startOwnCluster(t);
  const scene = await startScene(t, cluster, 'ada', postgres.url);
  for (const [what, signal] of [
    ['a fast shutdown', 'SIGINT'],
    ['a crash', 'SIGQUIT'],
  ] as const) {
    await goThrough(t, scene, what, { begin: () => postgres.halt(signal), end: () => postgres.start() });
  }
  await finish(t, scene);
});
