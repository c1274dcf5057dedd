/** Something is wrong with the ring. The message is one line that names the file or row and the way out. */
export class KeyRingFault extends Error {
  override readonly name = 'KeyRingFault';
}

/** What is wrong with something that need not be restored: its message ends with what to do. */
export class MendableFault extends Error {
  override readonly name = 'MendableFault';
}

const FROM_BACKUP = 'restore it from a backup';

/**
 * Puts the name of a file or row in front of what went wrong with it, and the way out behind. An outage is not its fault
 * and stays as it is.
 */
export async function about<T>(name: string, work: () => Promise<T>, wayOut = FROM_BACKUP): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeyRingFault || (error instanceof Error && error.name === 'DatabaseUnavailable')) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new KeyRingFault(`${name}: ${message}${wayOutOf(error, wayOut)}`);
  }
}

/** A system's error is about the place, not about what lies in it. */
function wayOutOf(error: unknown, wayOut: string): string {
  if (error instanceof MendableFault) return '';
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EACCES' || code === 'EPERM') return '; chown or chmod it for the user that mintd runs as';
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? '' : `; ${wayOut}`;
}

/** What to do about a private half that is gone or bad. */
export function privateKeyWayOut(kid: string): string {
  return `${FROM_BACKUP}, or give the key up with \`mintd keys revoke ${kid}\``;
}
