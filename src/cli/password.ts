import { type CliIo, CommandFailed } from './io.js';

/**
 * Gets a new password without it ever being an argument: from stdin when asked to, or from a person at a terminal.
 *
 * @returns undefined where nobody can be asked: then one is to be made
 */
export async function askForPassword(io: CliIo, fromStdin: boolean): Promise<string | undefined> {
  if (fromStdin) return (await io.readStdin()).replace(/\r?\n$/, '');
  return io.isInteractive ? askTwice(io) : undefined;
}

async function askTwice(io: CliIo): Promise<string> {
  const password = await io.askSecret('Password:');
  if ((await io.askSecret('The same again:')) !== password) throw new CommandFailed('the two are not the same');
  return password;
}
