import type { EpochMs } from './time.js';

/** The minute in which tokens are counted, and how many there were. */
export type TokenWindow = { readonly since: EpochMs; readonly tokens: number };

const WINDOW_SECONDS = 60;

/** One more token, counted, or how long to wait for it. */
export type TokenCount =
  | { readonly window: TokenWindow; readonly retryAfterSeconds: null }
  | { readonly window: TokenWindow; readonly retryAfterSeconds: number };

/**
 * Counts a token in the minute that began with the first one. What is refused is not counted, so who asks too early waits no
 * longer for it. A clock that was set back begins a new minute.
 *
 * @param window the minute so far; null when there is none
 * @param tokensPerMinute how many there may be in it
 */
export function countToken(window: TokenWindow | null, tokensPerMinute: number, now: EpochMs): TokenCount {
  const ageMs = window === null ? -1 : now - window.since;
  if (window === null || ageMs < 0 || ageMs >= WINDOW_SECONDS * 1000) {
    return { window: { since: now, tokens: 1 }, retryAfterSeconds: null };
  }
  if (window.tokens >= tokensPerMinute) {
    return { window, retryAfterSeconds: Math.ceil(WINDOW_SECONDS - ageMs / 1000) };
  }
  return { window: { ...window, tokens: window.tokens + 1 }, retryAfterSeconds: null };
}
