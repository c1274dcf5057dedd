/** How many inputs one piece of work has, as far as that is known to pay. */
export type Portion = {
  readonly size: number;
  /** How long work on a single input takes, as of late; null before there was one. */
  readonly aloneMs: number | null;
};

/** One by one, until more is known to pay. */
export const FIRST_PORTION: Portion = { size: 1, aloneMs: null };

/** Several may take so many times as long as one alone. */
const PAYS = 1.5;
/** How much the newest counts in what is usual. */
const WEIGHT = 0.2;

/**
 * What is learnt from a piece of work: several in one pay as long as that takes little longer than one alone. So what is
 * slow once for all, a commit, is shared by more and more; what is slow for each, a row on a disk that has to be waited
 * for, is left to several pieces of work beside each other. Where it did not pay, it begins anew with one, which tells
 * what one takes by now; and one takes no longer than several.
 *
 * @param most never more than so many
 */
export function learnt({ size, aloneMs }: Portion, count: number, ms: number, most: number): Portion {
  const paid = count === 1 || aloneMs === null || ms <= PAYS * aloneMs;
  const next = count < size ? size : Math.min(most, size + 1);
  return {
    size: paid ? next : 1,
    aloneMs: count > 1 && (aloneMs === null || ms >= aloneMs) ? aloneMs : usual(aloneMs ?? ms, ms),
  };
}

/** What is learnt where several have failed: perhaps they took too long. */
export function unlearnt({ aloneMs }: Portion): Portion {
  return { size: 1, aloneMs };
}

function usual(before: number, now: number): number {
  return before + WEIGHT * (now - before);
}
