import t from 'tap';
import { proveModel } from './model-proof.js';
import { SOAK } from './soak.js';

// Bounded in counts: on a machine that is busy with other things the same takes longer.
t.setTimeout(600_000 * SOAK);

t.test('sqlite agrees with the reference model of a login, whatever happens in whatever order', (t) =>
  proveModel(t, 'sqlite'),
);
