import { z } from 'zod';

const DEFAULT_LIMIT = 100;
const MOST = 1000;

/** The parameters of every list: how much of it, and from where on. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(MOST).default(DEFAULT_LIMIT),
  after: z.string().optional().describe('The `next` of the page before.'),
};

export const NEXT = z.string().nullable().describe('For `after`, when there is more.');

/** A place in a list, as texts that mean nothing to whoever carries them. */
export function toCursor(...parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts of a place; null when it is none. */
export function fromCursor(cursor: string, count: number): readonly string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const isPlace = Array.isArray(parts) && parts.length === count && parts.every(isText);
    return isPlace ? parts : null;
  } catch {
    return null;
  }
}

/** What a database can compare: PostgreSQL has no texts with NUL. */
function isText(part: unknown): part is string {
  return typeof part === 'string' && part.isWellFormed() && !part.includes('\0');
}

/** One more than wanted was read, to see whether there is more. */
export function cut<T>(found: readonly T[], limit: number, cursorOf: (last: T) => string) {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** What is said of a cursor that is none. */
export const BAD_CURSOR = {
  status: 400,
  code: 'invalid_request',
  detail: 'That is no place in this list.',
  errors: [{ pointer: '/after', detail: 'Take the `next` of the page before.' }],
} as const;
