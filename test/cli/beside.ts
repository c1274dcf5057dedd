import type { Test } from 'tap';
import { aClient, claimsOf, type TestIssuer } from '../helper.js';
import { issuerWithClients, logIn } from '../rfc/setup.js';
import { type CommandInput, type CommandLine, type CommandResult, emptyCommandLine } from './harness.js';

/** An issuer that runs, and the command line beside it, on one database. */
export type Beside = {
  /** With the public clients `app` and `web`, the user `ada`, and the time of the command line. */
  readonly issuer: TestIssuer;
  mintd(args: string, input?: CommandInput): Promise<CommandResult>;
  /** The same with `--json`; its stdout, parsed. */
  json(args: string, input?: CommandInput): Promise<Record<string, unknown>>;
  /** The questions a person was asked. */
  readonly questions: CommandLine['questions'];
};

/** Makes both. */
export async function besideIssuer(t: Test): Promise<Beside> {
  const issuer = await issuerWithClients(t, { clients: [aClient(), aClient({ id: 'web' })] });
  issuer.clock.now = Date.now();
  const { mintd, json, questions } = emptyCommandLine(t);
  const environment = { DATABASE_URL: issuer.database.url };
  return {
    issuer,
    questions,
    mintd: (args, input) => mintd(args, { ...input, environment }),
    json: (args, input) => json(args, { ...input, environment }),
  };
}

/** A login: its newest refresh token, its access token, and the session it is. */
export type Login = { readonly token: unknown; readonly access: unknown; readonly sid: string };

/** Logs in as `ada` at `app`, or as told. */
export async function begin(issuer: TestIssuer, more: Record<string, string> = {}): Promise<Login> {
  const { refresh_token: token, access_token: access } = await logIn(issuer, more);
  return { token, access, sid: String(claimsOf(access)['sid']) };
}
