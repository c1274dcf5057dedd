// PostgreSQL answers, and it is no help: it is slow, lets nobody in, may not be written, has no room. Every request is
// answered within 3 s, by 503 with Retry-After where the database is needed, and afterwards everything goes on.
import t, { type Test } from 'tap';
import { connectPostgres } from '../store/support.js';
import { startHole } from './hole.js';
import { finish, goThrough, startOwnCluster, startScene } from './outage.js';

/** Longer than any statement may take. */
const LATE_MS = 2_000;
const NEEDY = ['refresh', 'login'] as const;

/** Sets something on the database, and has the server's connections begin anew, so that it holds for them. */
async function settings(t: Test, url: string) {
  const beside = await connectPostgres(t, url);
  return async (statement: string) => {
    await beside.query(statement);
    await beside.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mintd'");
  };
}

t.test('PostgreSQL is slow, full, closed to us, or read-only, under load', async (t) => {
  const { postgres, cluster } = await startOwnCluster(t);
  const set = await settings(t, postgres.url);

  await t.test('every statement takes two seconds more', async (t) => {
    const hole = await startHole(t, postgres.url);
    const scene = await startScene(t, cluster, 'grace', hole.url);
    const delay = { begin: () => hole.delay(LATE_MS), end: () => hole.delay(0) };
    await goThrough(t, scene, 'slow', { ...delay, hits: NEEDY });
    await finish(t, scene);
  });

  await t.test('its errors are outages', async (t) => {
    await set("CREATE ROLE app LOGIN PASSWORD 'app'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app");
    const url = new URL(postgres.url);
    Object.assign(url, { username: 'app', password: 'app' });
    const scene = await startScene(t, cluster, 'alan', url.href);
    await goThrough(t, scene, 'too many connections', {
      begin: () => set('ALTER ROLE app CONNECTION LIMIT 0'),
      end: () => set('ALTER ROLE app CONNECTION LIMIT -1'),
    });
    await goThrough(t, scene, 'read-only', {
      begin: () => set('ALTER ROLE app SET default_transaction_read_only = on'),
      end: () => set('ALTER ROLE app RESET default_transaction_read_only'),
      hits: NEEDY,
    });
    // What a table says that cannot be extended.
    await set(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`);
    await goThrough(t, scene, 'full', {
      begin: () =>
        set('CREATE TRIGGER f BEFORE INSERT OR UPDATE ON families FOR EACH ROW EXECUTE FUNCTION full_disk()'),
      end: () => set('DROP TRIGGER f ON families'),
      hits: NEEDY,
    });
    await finish(t, scene);
  });
});
