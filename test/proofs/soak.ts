/**
 * How much longer a proof runs than in a normal test run: 1, or what `npm run test:soak` says. The proofs are bounded in
 * counts, never in time, so that a slow machine proves as much as a fast one.
 */
export const SOAK = Math.max(1, Math.trunc(Number(process.env['SOAK'] ?? '1')) || 1);
