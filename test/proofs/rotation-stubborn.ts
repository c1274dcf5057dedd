// The worst verifier that DESIGN promises to serve.
import { createLocalJWKSet } from 'jose';
import { jwksOf, kept } from './rotation-jwks.js';
import { type Verifier, verifyWith } from './rotation-verifiers.js';

/** How many there are behind one HTTP cache, their refreshes spread evenly: one of them always has very old keys. */
const COUNT = 8;

/**
 * Verifiers behind an HTTP cache that serves an answer for all of its max-age. Each keeps what it got from there for
 * `keepSeconds` by itself, and asks for nothing before that is over, whatever kid it meets.
 */
export function stubbornVerifiers(origin: string, keepSeconds: number): readonly Verifier[] {
  const cache = kept(
    () => jwksOf(origin),
    ({ maxAgeSeconds }) => maxAgeSeconds,
  );
  return Array.from({ length: COUNT }, (_, i) => {
    // The first time for less, so that they do not ask all at once ever after.
    const lives = [(keepSeconds * (i + 1)) / COUNT];
    const keys = kept(
      async () => createLocalJWKSet((await cache()).keys),
      () => lives.pop() ?? keepSeconds,
    );
    return { name: `the stubborn (${COUNT})`, verify: async (token) => verifyWith(token, await keys()) };
  });
}
