import t from 'tap';
import { openInstallation } from '../../src/store/installation.js';
import { PROVIDERS, START, testDatabase } from '../helper.js';

for (const provider of PROVIDERS) {
  t.test(`${provider}: the first time is remembered, and stays`, async (t) => {
    const installation = openInstallation(await testDatabase(t, provider));
    t.equal(await installation.keyRingMadeAt(), null);
    await installation.rememberKeyRing(START);
    t.equal(await installation.keyRingMadeAt(), START);
    await installation.rememberKeyRing(START + 1);
    t.equal(await installation.keyRingMadeAt(), START);
  });

  t.test(`${provider}: ten that remember at once leave one row`, async (t) => {
    const database = await testDatabase(t, provider);
    const installation = openInstallation(database);
    await Promise.all(Array.from({ length: 10 }, (_, i) => installation.rememberKeyRing(START + i)));
    const madeAt = await installation.keyRingMadeAt();
    t.ok(madeAt !== null && madeAt >= START && madeAt < START + 10);
    t.equal(await database.prisma.installation.count(), 1);
  });

  t.test(`${provider}: a row without a time is filled in`, async (t) => {
    const database = await testDatabase(t, provider);
    const installation = openInstallation(database);
    await database.prisma.installation.create({ data: { id: 1 } });
    await installation.rememberKeyRing(START);
    t.equal(await installation.keyRingMadeAt(), START);
  });
}
