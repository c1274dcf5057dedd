/** The entity tag of a thing that has revisions (RFC 9110 §8.8.3). */
export function entityTag(revision: number): string {
  return `"${revision}"`;
}

/** One that nothing ever has. */
export const NO_REVISION = -1;

/**
 * Which revision a change was made for, as `If-Match` says it (RFC 9110 §13.1.1).
 *
 * @returns undefined when any will do; NO_REVISION when the header names none that could be: weak tags never match, and of
 * several it would have to be said which one is meant
 */
export function revisionIn(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const revision = /^\s*"(\d{1,9})"\s*$/.exec(ifMatch)?.[1];
  return revision === undefined ? NO_REVISION : Number(revision);
}
