import t from 'tap';
import { openClientAssertions } from '../../src/store/client-assertions.js';
import { openDatabase } from '../../src/store/database.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';
import { hashOf } from './support.js';

for (const provider of PROVIDERS) {
  t.test(`${provider}: an assertion is used once, on whichever instance`, async (t) => {
    const database = await testDatabase(t, provider);
    const second = await openDatabase(database.url);
    t.teardown(() => second.close());
    const [here, there] = [openClientAssertions(database), openClientAssertions(second)];
    t.equal(await here.use(hashOf('one'), START), true);
    t.equal(await here.use(hashOf('one'), START + 1), false);
    t.equal(await there.use(hashOf('one'), START), false);
    t.equal(await there.use(hashOf('two'), START), true);
    const racing = await Promise.all([here, there, here, there].map((store) => store.use(hashOf('three'), START)));
    t.equal(racing.filter(Boolean).length, 1, 'of several at once one is the first');
    t.equal(await database.prisma.clientAssertion.count(), 3);
  });

  t.test(
    `${provider}: it is forgotten when it has expired, not before, the oldest first and so many at a time`,
    async (t) => {
      const database = await testDatabase(t, provider);
      const store = openClientAssertions(database);
      for (const at of [5, 3, 1, 4, 2]) await store.use(hashOf(`${at}`), START + at);
      t.equal(await store.removeExpired(START, 10), 0);
      t.equal(await store.removeExpired(START + 4, 2), 2);
      t.equal(await store.use(hashOf('3'), START + 3), false, 'the oldest went first');
      t.equal(await store.removeExpired(START + 4, 10), 2);
      t.equal(await store.use(hashOf('5'), START + 5), false, 'it has not expired');
      t.equal(await store.use(hashOf('1'), START + 9), true, 'what is forgotten is unknown');
    },
  );
}
