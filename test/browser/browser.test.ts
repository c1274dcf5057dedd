import t from 'tap';
import { docsTests } from './docs.js';
import { firstMinuteTests } from './first-minute.js';
import { loginTests } from './login.js';
import { secureTests } from './secure.js';
import { openStage, perform } from './stage.js';
import { strangerTests } from './strangers.js';
import { tabTests } from './tabs.js';
import { troubleTests } from './trouble.js';

// One file for all of them, because what they play on takes longer to build than most of them take.
const stage = await openStage(t);
const all = Object.entries({
  ...loginTests,
  ...tabTests,
  ...troubleTests,
  ...strangerTests,
  ...secureTests,
  ...docsTests,
  ...firstMinuteTests,
});
for (const [i, [name, play]] of all.entries()) {
  t.test(name, (t) => perform(t, stage, i === 0 ? 'ada' : `ada${i}`, play));
}
