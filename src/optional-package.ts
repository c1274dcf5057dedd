import { withRange } from './version.js';

/** How to get packages that are not installed. */
export type Missing = {
  readonly names: readonly string[];
  /** For the folder that mintd is installed in. */
  readonly command: string;
  /** For a mintd that was installed globally. */
  readonly globalCommand: string;
  /** All of it, for a log or an error. */
  readonly sentence: string;
};

/** A module of packages that mintd does without, or how to get them. */
export type OptionalModule<T> =
  | { readonly module: T; readonly missing?: never }
  | { readonly module?: never; readonly missing: Missing };

/**
 * Loads what needs optional packages (`peerDependenciesMeta` in package.json).
 *
 * @param names the packages; only their absence counts as missing
 * @param load an `import()` of one of them, or of a file of mintd that imports them
 * @throws every other error, such as a package that is there and lacks one of its own
 */
export async function importOptional<T>(
  names: readonly [string, ...string[]],
  load: () => Promise<T>,
): Promise<OptionalModule<T>> {
  try {
    return { module: await load() };
  } catch (error) {
    if (!names.some((name) => isAbsent(name, error))) throw error;
    return { missing: howToGet(names) };
  }
}

/** Node gives a missing file the same code, and names the package only in the message. */
function isAbsent(name: string, error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_MODULE_NOT_FOUND') return false;
  return error.message.startsWith(`Cannot find package '${name}' imported from`);
}

function howToGet(names: readonly string[]): Missing {
  const command = `npm install ${names.map(withRange).join(' ')}`;
  const globalCommand = command.replace('install', 'install -g');
  const sentence = `not installed: ${names.join(', ')}. Get it with \`${command}\`, or \`${globalCommand}\` where mintd is global`;
  return { names, command, globalCommand, sentence };
}
