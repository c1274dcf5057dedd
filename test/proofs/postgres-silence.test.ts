// PostgreSQL is there and says nothing: the network swallows everything, its processes stand still, somebody holds a lock.
// What holds when it is stopped holds then, too: every request is answered within 3 s, and afterwards everything goes on.
import t from 'tap';
import { connectPostgres } from '../store/support.js';
import { startHole } from './hole.js';
import { finish, goThrough, startOwnCluster, startScene } from './outage.js';

t.test('PostgreSQL falls silent under load', async (t) => {
  const { postgres, cluster } = await startOwnCluster(t);

  await t.test('the network swallows everything', async (t) => {
    const hole = await startHole(t, postgres.url);
    const scene = await startScene(t, cluster, 'grace', hole.url);
    const { swallow } = hole;
    await goThrough(t, scene, 'a hole that heals', { begin: swallow, end: () => hole.heal() });
    await goThrough(t, scene, 'a hole that old connections never leave', { begin: swallow, end: () => hole.forget() });
    await finish(t, scene);
  });

  await t.test('its processes stand still, or wait for a lock', async (t) => {
    const scene = await startScene(t, cluster, 'alan', postgres.url);
    const beside = await connectPostgres(t, postgres.url);
    const pids: number[] = [];
    t.teardown(() => signalAll(pids, 'SIGCONT'));
    const stop = async () => {
      // First the one that would start new ones.
      pids.push(postgres.pid());
      signalAll(pids, 'SIGSTOP');
      const { rows } = await beside.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'mintd'");
      pids.push(...rows.map(({ pid }) => Number(pid)));
      signalAll(pids, 'SIGSTOP');
    };
    const goOn = () => signalAll(pids.splice(0), 'SIGCONT');
    await goThrough(t, scene, 'processes that stand still', { begin: stop, end: goOn });
    const lock = () => beside.query('BEGIN; LOCK TABLE families');
    const unlock = () => beside.query('COMMIT');
    await goThrough(t, scene, 'a lock on the logins', { begin: lock, end: unlock, hits: ['refresh', 'login'] });
    await finish(t, scene);
  });
});

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, signal);
}
