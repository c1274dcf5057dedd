/** The entity tag of a thing that has revisions (RFC 9110 §8.8.3). */
export function entityTag(revision: number): string {
  return `"${revision}"`;
}

/**
 * Which revision a change was made for, as `If-Match` says it (RFC 9110 §13.1.1).
 *
 * @returns undefined when any will do; null when the header names none that could be, so that nothing matches
 */
export function revisionIn(ifMatch: string | undefined): number | null | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const revision = /^\s*"(\d{1,9})"\s*$/.exec(ifMatch)?.[1];
  return revision === undefined ? null : Number(revision);
}
