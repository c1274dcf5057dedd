import { randomBytes } from 'node:crypto';
import { faultOfNewPassword } from '../accounts/new-password.js';
import { isCommonPassword } from '../passwords/common.js';
import { type CliIo, CommandFailed } from './io.js';

/** A password to be set, and whether the person has yet to be told it. */
export type ChosenPassword = { readonly password: string; readonly isGenerated: boolean };

/**
 * Gets a new password without it ever being an argument: from stdin when asked to, from a person at a terminal, and
 * else one is made.
 *
 * @throws CommandFailed when the policy does not allow it
 */
export async function choosePassword(
  io: CliIo,
  fromStdin: boolean,
  names: readonly (string | null)[],
): Promise<ChosenPassword> {
  if (!fromStdin && !io.isInteractive) {
    return { password: randomBytes(15).toString('base64url'), isGenerated: true };
  }
  const password = fromStdin ? (await io.readStdin()).replace(/\r?\n$/, '') : await askTwice(io);
  const fault = await faultOfNewPassword(isCommonPassword, password, names);
  if (fault !== null) throw new CommandFailed(fault);
  return { password, isGenerated: false };
}

async function askTwice(io: CliIo): Promise<string> {
  const password = await io.askSecret('Password:');
  if ((await io.askSecret('The same again:')) !== password) throw new CommandFailed('the two are not the same');
  return password;
}
