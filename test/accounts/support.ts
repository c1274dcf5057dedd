import type { Test } from 'tap';
import { openHasher, type PasswordHasher } from '../../src/passwords/hasher.js';
import { PASSWORD, type Reply, type TestIssuer } from '../helper.js';
import { assertError, FORM, loginForm, send } from '../rfc/setup.js';

/** Where people nobody knows are. */
export const STRANGER = '192.0.2.66';

/** A login of a user from an address. */
export function logInFrom(issuer: TestIssuer, address: string, form: Record<string, string> = {}): Promise<Reply> {
  const payload = new URLSearchParams(loginForm(form)).toString();
  return send(issuer, {
    method: 'POST',
    url: '/token',
    remoteAddress: address,
    headers: { 'content-type': FORM },
    payload,
  });
}

/** One with a wrong password. */
export function guess(issuer: TestIssuer, username = 'ada', address = STRANGER): Promise<Reply> {
  return logInFrom(issuer, address, { username, password: `not ${PASSWORD}` });
}

/** So many of them, each let through. */
export async function guessWrongly(
  t: Test,
  issuer: TestIssuer,
  count: number,
  username = 'ada',
  address = STRANGER,
): Promise<void> {
  for (let i = 1; i <= count; i++) {
    assertError(t, await guess(issuer, username, address), 400, 'invalid_grant', `guess ${i} at ${username}`);
  }
}

/** Not now, but after so many seconds. */
export function assertBlocked(t: Test, reply: Reply, seconds: number, what: string): void {
  assertError(t, reply, 429, 'temporarily_unavailable', what);
  t.equal(reply.headers['retry-after'], String(seconds), `${what}: Retry-After`);
}

/** The lines of the log about one event, as objects. */
export function eventsIn(issuer: TestIssuer, event: string): readonly Record<string, unknown>[] {
  return issuer.log.map((line) => JSON.parse(line)).filter((line) => line.event === event);
}

/** A hasher one can look into: something is done after each time a password was checked. */
export function interruptedHasher(
  t: Test,
  cost: number,
): { hasher: PasswordHasher; meanwhile: { run: () => Promise<unknown> } } {
  const real = openHasher({ cost, threads: 1 });
  t.teardown(() => real.close());
  const meanwhile: { run: () => Promise<unknown> } = { run: async () => undefined };
  const verifyThen: PasswordHasher['inTurn'] = (who, work) =>
    real.inTurn(who, (bcrypt) =>
      work({
        ...bcrypt,
        verify: async (password, hash) => {
          const matches = await bcrypt.verify(password, hash);
          await meanwhile.run();
          return matches;
        },
      }),
    );
  return { hasher: { ...real, inTurn: verifyThen }, meanwhile };
}
