// A database error at each statement of each flow. Whatever it is, nothing is lost, and nothing is done twice.
import t from 'tap';
import { PROVIDERS } from '../helper.js';
import { FLOWS } from './fault-flows.js';
import {
  beside,
  type Fault,
  LOST_ROTATION,
  lostColumn,
  OUTAGES,
  PLAIN,
  postgresReadFault,
  postgresWriteFault,
  SQLITE_UNREADABLE,
  sqliteWriteFaults,
  TRIGGER_TIMES,
} from './fault-injection.js';
import { meet } from './fault-meeting.js';
import { type Flow, faultyIssuer } from './fault-requests.js';
import { SOAK } from './soak.js';

// Bounded in counts: on a machine that is busy with other things the same takes longer.
t.setTimeout(600_000);

const ALL_OUTAGES = Object.values(OUTAGES);
let turn = 0;

/** Some ways to be out, others each time, so that in the end every one was met; in a long run all of them each time. */
function outages(count: number): readonly string[] {
  if (SOAK > 1) return ALL_OUTAGES;
  turn += count;
  return Array.from({ length: count }, (_, i) => ALL_OUTAGES[(turn + i) % ALL_OUTAGES.length] ?? PLAIN);
}

/** The faults of a flow: for each statement it makes, the ways in which that can go wrong. */
function faultsOf(flow: Flow, provider: string): readonly Fault[] {
  const { reads, writes, decidesNothing = false } = flow;
  const lost = reads.filter((table) => table !== 'families').map(lostColumn);
  const faults = [...lost, ...(decidesNothing ? [LOST_ROTATION] : [])];
  if (provider === 'postgres') return [...faults, ...postgresFaultsOf(flow)];
  if (reads.includes('families')) faults.push(SQLITE_UNREADABLE);
  return [...faults, ...(writes === null ? [] : sqliteWriteFaults(writes.table, writes.operation))];
}

function postgresFaultsOf({ reads, writes, decidesNothing = false }: Flow): readonly Fault[] {
  const faults = reads.flatMap((table) =>
    [PLAIN, ...outages(2)].map((sqlstate) => postgresReadFault(table, { sqlstate })),
  );
  if (decidesNothing) {
    const raises = [PLAIN, ...outages(2)].map((sqlstate) => ({ sqlstate }));
    faults.push(...raises.map((raise) => postgresWriteFault(['UPDATE', 'families'], 'before the statement', raise)));
  }
  if (writes === null) return faults;
  const on = [writes.operation, writes.table] as const;
  return [
    ...faults,
    ...TRIGGER_TIMES.map((time) => postgresWriteFault(on, time, { sqlstate: PLAIN })),
    ...outages(2).map((sqlstate) => postgresWriteFault(on, 'before the row', { sqlstate })),
    ...outages(2).map((sqlstate) => postgresWriteFault(on, 'at the commit', { sqlstate })),
  ];
}

for (const provider of PROVIDERS) {
  t.test(`${provider}: a request that meets a fault can be sent again`, async (t) => {
    const issuer = await faultyIssuer(t, provider);
    const sql = await beside(t, issuer);
    for (const flow of FLOWS) {
      const faults = faultsOf(flow, provider);
      t.comment(`${flow.name}: ${faults.length} faults`);
      for (const fault of faults) {
        await t.test(`${flow.name}: ${fault.name}`, (t) => meet(t, issuer, sql, flow, fault));
      }
    }
  });
}
