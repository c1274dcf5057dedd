import t, { type Test } from 'tap';
import { openClients } from '../../src/store/clients.js';
import { REMEMBERED_FOR_MS, rememberClients } from '../../src/store/remembered-clients.js';
import { aClient, START, testDatabase } from '../helper.js';
import { rejectionOf } from './support.js';

/** A server's view of the clients beside that of another process, and how often the first one asked the database. */
async function twoProcesses(t: Test) {
  const others = openClients(await testDatabase(t, 'sqlite'));
  await others.add(aClient());
  const state = { nowMs: 0, asked: 0, isDown: false };
  const counted = {
    ...others,
    async find(id: string) {
      state.asked++;
      if (state.isDown) throw new Error('down');
      return others.find(id);
    },
  };
  return { others, own: rememberClients(counted, () => state.nowMs), state };
}

t.test('a client is asked for once a second, however many want it', async (t) => {
  const { own, state } = await twoProcesses(t);
  await Promise.all(Array.from({ length: 20 }, () => own.find('app')));
  t.equal(state.asked, 1);
  state.nowMs = REMEMBERED_FOR_MS - 1;
  t.match(await own.find('app'), { id: 'app' });
  t.equal(state.asked, 1);
  state.nowMs = REMEMBERED_FOR_MS;
  await own.find('app');
  t.equal(state.asked, 2);
});

t.test('what another process changes is seen after a second', async (t) => {
  const { others, own, state } = await twoProcesses(t);
  t.equal((await own.find('app'))?.disabledAt, null);
  await others.disable('app', START);
  t.equal((await own.find('app'))?.disabledAt, null, 'not yet');
  state.nowMs = REMEMBERED_FOR_MS;
  t.equal((await own.find('app'))?.disabledAt, START);
});

t.test('what this process changes is seen at once', async (t) => {
  const { own } = await twoProcesses(t);
  const found = async () => {
    const client = await own.find('app');
    if (client === null) throw new Error('no client');
    return client;
  };
  await found();
  t.equal(await own.disable('app', START), true);
  t.equal((await found()).disabledAt, START);
  t.equal(await own.enable('app'), true);
  t.equal((await found()).disabledAt, null);
  t.equal(await own.endLogins('app'), true);
  t.equal((await found()).loginEpoch, 2);
  t.equal(await own.replace({ ...(await found()), name: 'renamed' }), true);
  t.equal((await found()).name, 'renamed');
  t.equal(await own.remove('app'), true);
  t.equal(await own.find('app'), null);
  t.equal(await own.add(aClient()), true);
  t.match(await own.find('app'), { id: 'app' }, 'and what was not there is not remembered');
});

t.test('what was asked for before a change is not remembered after it', async (t) => {
  const { own } = await twoProcesses(t);
  const before = own.find('app');
  await own.disable('app', START);
  await before;
  t.equal((await own.find('app'))?.disabledAt, START);
});

t.test('what was asked for while it changed is not remembered after it', async (t) => {
  const { others } = await twoProcesses(t);
  const disable: typeof others.disable = async (id, now) => {
    t.equal((await own.find(id))?.disabledAt, null, 'somebody asks before it is written');
    return others.disable(id, now);
  };
  const own = rememberClients({ ...others, disable }, () => 0);
  t.equal(await own.disable('app', START), true);
  t.equal((await own.find('app'))?.disabledAt, START);
});

t.test('a failed look is not remembered', async (t) => {
  const { own, state } = await twoProcesses(t);
  state.isDown = true;
  t.match(await rejectionOf(own.find('app')), { message: 'down' });
  state.isDown = false;
  t.match(await own.find('app'), { id: 'app' });
});
