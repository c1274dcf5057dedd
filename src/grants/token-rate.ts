import type { EpochMs } from '../oauth/time.js';
import { countToken, type TokenWindow } from '../oauth/token-rate.js';

/** Counts the tokens that clients get for themselves. */
export type TokenRate = {
  /**
   * Counts one more token for a client.
   *
   * @returns null when it may have it, else seconds until it should ask again
   */
  take(clientId: string, tokensPerMinute: number, now: EpochMs): number | null;
};

/**
 * Counts in this process alone, without a database: this is the path of services that ask often. It remembers one
 * window a client that has shown who it is, so strangers cannot fill it.
 */
export function openTokenRate(): TokenRate {
  const windows = new Map<string, TokenWindow>();
  return {
    take(clientId, tokensPerMinute, now) {
      const { window, retryAfterSeconds } = countToken(windows.get(clientId) ?? null, tokensPerMinute, now);
      windows.set(clientId, window);
      return retryAfterSeconds;
    },
  };
}
