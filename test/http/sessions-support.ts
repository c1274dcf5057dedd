import type { Test } from 'tap';
import type { TestIssuer } from '../helper.js';
import { asBearer, assertNotStored, type TextReply } from './support.js';

/** A JSON object of an answer. */
export type Shown = Record<string, unknown>;

/** The logins a bearer is shown. */
export async function shown(issuer: TestIssuer, body: Shown): Promise<readonly Shown[]> {
  const reply = await asBearer(issuer, 'GET', '/sessions', body['access_token']);
  if (reply.status !== 200) throw new Error(`sessions: ${reply.status} ${reply.text}`);
  return reply.body['sessions'] as Shown[];
}

/** Which logins these are. */
export const sidsIn = (sessions: readonly Shown[]) => sessions.map(({ sid }) => sid);

/** Ends one of one's logins, or all of them. */
export function end(issuer: TestIssuer, body: Shown, sid?: string): Promise<TextReply> {
  return asBearer(issuer, 'DELETE', sid === undefined ? '/sessions' : `/sessions/${sid}`, body['access_token']);
}

/** It is done, and there is nothing to say. */
export function assertEnded(t: Test, reply: TextReply, what: string): void {
  t.strictSame([reply.status, reply.text], [204, ''], what);
  assertNotStored(t, reply, what);
}
