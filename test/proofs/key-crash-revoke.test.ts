// kill -9 at each step of a revocation: the key is in the ring or out of it, and another signs.
import t from 'tap';
import { killAtEachStep } from './key-crash.js';
import { activeKid, wornRing } from './key-crash-rings.js';

t.test('keys revoke of the key that signs, killed at each step', async (t) => {
  const args = `keys revoke ${await activeKid()} --yes`;
  await killAtEachStep(t, {
    isSampled: true,
    args,
    base: await wornRing(),
    kind: 'files',
    again: /was revoked already/,
  });
});
