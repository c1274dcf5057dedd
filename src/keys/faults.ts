/** Something is wrong with the ring. The message is one line that names the file or row and the way out. */
export class KeyRingFault extends Error {
  override readonly name = 'KeyRingFault';
}

/** What is wrong with something that need not be restored: its message ends with what to do. */
export class MendableFault extends Error {
  override readonly name = 'MendableFault';
}

/**
 * Puts the name of a file or row in front of what went wrong with it, and the way out behind. An outage is not its fault
 * and stays as it is.
 */
export async function about<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeyRingFault || (error instanceof Error && error.name === 'DatabaseUnavailable')) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const wayOut = error instanceof MendableFault ? '' : '; restore it from a backup';
    throw new KeyRingFault(`${name}: ${message}${wayOut}`);
  }
}
