// A process of its own for tests: does one thing with a database and says over IPC how it went.
import { lockSqlite } from '../../src/store/lock.js';
import { migrate } from '../../src/store/migrate.js';

const [task, url = ''] = process.argv.slice(2);
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

process.once('message', async () => {
  if (task === 'lock') {
    process.send?.({ isHeld: lockSqlite(url, 'server') !== null });
    return;
  }
  const before = timers();
  const { applied } = await migrate(url, true);
  process.send?.({ applied, timersLeft: timers() - before });
  process.disconnect();
});
process.send?.('ready');
