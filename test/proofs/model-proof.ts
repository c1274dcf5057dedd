import fc from 'fast-check';
import type { Test } from 'tap';
import type { Provider } from '../../src/store/database.js';
import { START } from '../helper.js';
import { checkEnd } from './model-check.js';
import { Run, type Tally } from './model-run.js';
import { type Step, sequences } from './model-steps.js';
import { openReal, worldsOf } from './model-world.js';
import { SOAK } from './soak.js';

/** Sequences in a normal run, on each database. */
const SEQUENCES = 1_000;
/** Fixed, so that every run is the same run; a failure prints the path to its smallest sequence. */
const SEED = 20_260_101;

const DAY_MS = 86_400_000;

/** What must have happened in a run for it to prove anything: the verdicts, by their reason. */
const VERDICTS = [
  'login',
  'refresh',
  'refresh_retry',
  'refresh_token_reused',
  'refresh_token_malformed',
  'refresh_token_unknown',
  'refresh_token_of_another_client',
  'family_revoked',
  'family_expired',
  'family_ended_with_user_or_client',
  'scope_malformed',
  'scope_not_allowed',
  'audience_not_allowed',
  'password_wrong',
  'user_disabled',
  'user_unknown',
  'client_disabled',
  'client_unknown',
  'user_changed_meanwhile',
];

/** Runs random sequences on a database, and holds each answer and all that is left behind against the model. */
export async function proveModel(t: Test, provider: Provider): Promise<void> {
  const tally: Tally = new Map();
  const real = await openReal(t, provider, SEED);
  const worlds = worldsOf(real);
  const total = { sequences: 0, steps: 0, tokens: 0 };
  let start = START;
  const runOne = async (steps: readonly Step[]) => {
    const run = new Run((await worlds.next()).value, start, tally);
    total.sequences++;
    total.steps += steps.length;
    try {
      for (const step of steps) await run.step(step);
      total.tokens += await checkEnd(run);
    } catch (error) {
      await real.database.prisma.family.deleteMany();
      throw error;
    } finally {
      // The next one begins on another day, so that each runs the same wherever it stands.
      start = (Math.floor(run.model.now / DAY_MS) + 1) * DAY_MS;
    }
  };
  const runs = SEQUENCES * SOAK;
  const details = await fc.check(fc.asyncProperty(sequences, runOne), { seed: SEED, numRuns: runs });
  t.comment(`seed ${SEED}: ${total.sequences} sequences, ${total.steps} steps, ${total.tokens} tokens looked at`);
  for (const what of [...tally.keys()].sort()) t.comment(`${what}: ${tally.get(what)}`);
  if (details.failed) {
    t.fail(`${provider} and the model disagree`, { report: await fc.asyncDefaultReportMessage(details) });
    return;
  }
  t.ok(total.sequences >= runs, `${total.sequences} sequences`);
  for (const verdict of VERDICTS) t.ok((tally.get(`verdict: ${verdict}`) ?? 0) >= 5, `${verdict} was met`);
}
