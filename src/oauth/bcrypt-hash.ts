/**
 * A bcrypt hash as mintd compares it: `$2a$`, `$2b$` or PHP's `$2y$`, a cost from 4 to 16, and 53 characters of salt and
 * hash. A cost beyond 16 would hold a thread for seconds to days.
 */
const BCRYPT_HASH = /^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$/;

/**
 * The cost of a bcrypt hash, the base-2 logarithm of its rounds.
 *
 * @returns null for anything that is not one, or whose cost is not from 4 to 16
 */
export function bcryptCost(hash: string): number | null {
  const cost = BCRYPT_HASH.exec(hash)?.[1];
  return cost === undefined ? null : Number(cost);
}
