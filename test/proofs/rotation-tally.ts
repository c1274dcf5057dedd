import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Issued } from './rotation-traffic.js';
import type { Verifier } from './rotation-verifiers.js';

/** A good token that a verifier refused. */
export type Refusal = { readonly issued: Issued; readonly at: number; readonly why: string };

/** How one kind of verifier fared. */
export type Tally = {
  /** Good tokens it was shown when they were new, and again shortly before their end. */
  atOnce: number;
  again: number;
  /** Good tokens it refused. */
  readonly refusals: Refusal[];
  /** Tokens that ended before it had answered, so that nothing can be said. */
  tooLate: number;
  /** Tokens of strangers it was shown, and how many of these it took. */
  forged: number;
  taken: number;
};

export type Desk = {
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Shows a token to everybody now, and again shortly before its end. */
  verify(issued: Issued): Promise<void>;
  /** Shows everybody a token that says it was signed with a key nobody has: it has some ask for the keys again. */
  forge(token: string): Promise<void>;
};

/** Has every token verified by every verifier, and keeps count. Verifiers of one name share one tally. */
export function verificationDesk(verifiers: readonly Verifier[], againBeforeMs: number | null): Desk {
  const tallies = new Map<string, Tally>();
  for (const { name } of verifiers) {
    tallies.set(name, { atOnce: 0, again: 0, refusals: [], tooLate: 0, forged: 0, taken: 0 });
  }
  const tallyOf = ({ name }: Verifier): Tally => {
    const tally = tallies.get(name);
    if (tally === undefined) throw new Error(`nobody is called ${name}`);
    return tally;
  };

  async function show(verifier: Verifier, issued: Issued, when: 'atOnce' | 'again'): Promise<void> {
    const tally = tallyOf(verifier);
    const at = Date.now();
    const refused = await verifier.verify(issued.token).then(
      () => null,
      (error: unknown) => String(error),
    );
    if (refused === null) tally[when]++;
    else if (Date.now() >= issued.expiresAt) tally.tooLate++;
    else {
      tally[when]++;
      tally.refusals.push({ issued, at, why: `${when}, kid ${issued.kid}, server ${issued.server}: ${refused}` });
    }
  }

  return {
    tallies,
    async verify(issued) {
      await Promise.all(verifiers.map((one) => show(one, issued, 'atOnce')));
      if (againBeforeMs === null) return;
      await new Promise((resolve) => setTimeout(resolve, issued.expiresAt - againBeforeMs - Date.now()));
      await Promise.all(verifiers.map((one) => show(one, issued, 'again')));
    },
    async forge(token) {
      const header = { alg: 'RS256', typ: 'at+jwt', kid: randomBytes(32).toString('base64url') };
      const forged = [Buffer.from(JSON.stringify(header)).toString('base64url'), ...token.split('.').slice(1)].join(
        '.',
      );
      const look = async (verifier: Verifier) => {
        const tally = tallyOf(verifier);
        tally.forged++;
        const isTaken = await verifier.verify(forged).then(
          () => true,
          () => false,
        );
        if (isTaken) tally.taken++;
      };
      await Promise.all(verifiers.map(look));
    },
  };
}

/** Says how everybody fared. */
export function commentTallies(t: Test, head: string, tallies: ReadonlyMap<string, Tally>): void {
  t.comment(head);
  const columns = ['at once', 'before end', 'refused', 'too late', 'forged', 'taken'];
  t.comment(`${'verifier'.padEnd(24)}${columns.map((column) => column.padStart(12)).join('')}`);
  for (const [name, { atOnce, again, refusals, tooLate, forged, taken }] of tallies) {
    const cells = [atOnce, again, refusals.length, tooLate, forged, taken];
    t.comment(`${name.padEnd(24)}${cells.map((cell) => String(cell).padStart(12)).join('')}`);
  }
}
