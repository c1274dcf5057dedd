import type { Test } from 'tap';
import type { TestIssuer } from '../helper.js';
import type { Fault } from './fault-injection.js';
import type { Answer, Flow, Request } from './fault-requests.js';

/** Runs SQL. */
export type Sql = (sql: string) => Promise<unknown>;

/** The whole answer to a request that met a fault: nothing of the cause. */
const ANSWERS = {
  500: { error: 'server_error', error_description: 'Something went wrong here.' },
  503: { error: 'temporarily_unavailable', error_description: 'Try again in a moment.' },
};

function assertFailed(t: Test, answer: Answer, status: 500 | 503): void {
  t.equal(answer.status, status, `it is a ${status}`);
  t.strictSame(answer.body, ANSWERS[status], 'and says nothing of its cause');
  t.equal(answer.headers['cache-control'], 'no-store');
  t.equal(answer.headers['retry-after'], status === 503 ? '1' : undefined, 'a 503 says when to come back');
  t.notOk(answer.headers['set-cookie'], 'no cookie is set or taken away');
}

/** Holds an answer against what its flow calls good. */
export function assertGood(t: Test, answer: Answer, { status, body = {} }: { status: number; body?: object }): void {
  t.equal(answer.status, status, 'the same request, sent again, is answered well');
  t.match(answer.body, body);
}

/** Every row there is. */
export async function everything({ database: { prisma } }: TestIssuer): Promise<unknown> {
  return [await prisma.family.findMany(), await prisma.user.findMany(), await prisma.client.findMany()];
}

/** A request of a flow, and nothing else in the database. */
export async function prepared(issuer: TestIssuer, flow: Flow): Promise<Request> {
  await issuer.database.prisma.family.deleteMany();
  issuer.log.length = 0;
  return flow.prepare(issuer);
}

/** Flows whose write does not go through Prisma, and is part of a transaction (src/store/direct-sqlite.ts): whatever stops it, nothing of it is stored. */
export const DIRECT: readonly string[] = ['login', 'refresh', 'narrowed refresh'];

/**
 * One flow meets one fault: the answer is an error that says nothing, what is stored is what was stored before, and when
 * the fault is over the same request is answered as if nothing had been.
 */
export async function meet(t: Test, issuer: TestIssuer, sql: Sql, flow: Flow, fault: Fault): Promise<void> {
  const request = await prepared(issuer, flow);
  const isStored = fault.isStored === true && !DIRECT.includes(flow.name);
  const before = await everything(issuer);
  await sql(fault.begin);
  const answer = await request.send().finally(() => sql(fault.end));
  assertFailed(t, answer, fault.status);
  const after = await everything(issuer);
  if (isStored) t.notSame(after, before, 'it was done, though the answer could not say so');
  else t.strictSame(after, before, 'nothing was done');

  const again = await request.send();
  if (isStored && flow.name === 'ending all sessions') {
    t.equal(again.status, 401, 'the login that asked was among those that ended');
  } else if (isStored && flow.name === 'login') {
    assertGood(t, again, request.good);
    t.equal(await issuer.database.prisma.family.count(), 2, 'nobody has a token of the first');
  } else {
    assertGood(t, again, request.good);
    await request.after(t, again);
  }
  const log = issuer.log.join('');
  t.match(log, fault.status === 503 ? '"event":"database_unavailable"' : '"event":"failure"', 'the log is told');
  for (const secret of request.secrets) t.notOk(log.includes(secret), 'no secret is logged');
}
