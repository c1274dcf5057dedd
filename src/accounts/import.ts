import { ADMIN } from '../oauth/admin.js';
import { checkImportedUser, type ImportedUser, type ImportRecord } from '../oauth/imported-user.js';
import type { EpochMs } from '../oauth/time.js';
import { uuidFrom } from '../oauth/uuid.js';
import type { BulkUser, Claimant } from '../store/user-bulk.js';
import type { UserStore } from '../store/users.js';
import { type SeenNames, seenNames } from './seen-names.js';

/** A user as a source describes it, with the line it begins in; or why nothing can be read there. */
export type ImportRow = { readonly line: number } & ({ readonly record: ImportRecord } | { readonly fault: string });

export type ImportDeps = {
  readonly users: Pick<UserStore, 'addAll' | 'findClaimants'>;
  readonly clock: () => EpochMs;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Is told of every faulty row. */
  readonly onFault: (line: number, faults: readonly string[]) => void;
  /** Is told when a batch is over, for good or bad: all lines up to this one are done. */
  readonly onBatch: (line: number, tally: ImportTally) => void;
};

export type ImportOptions = {
  /** How many rows are written together or not at all. */
  readonly batchRows: number;
  /** Whether everything is done but the writing. */
  readonly isDryRun: boolean;
  /** Whether rows whose name is somebody's already are left out and no fault. */
  readonly skipsExisting: boolean;
  /** The cost of hashes mintd makes itself. */
  readonly bcryptCost: number;
};

export type ImportTally = {
  /** In a dry run: would be. */
  readonly imported: number;
  readonly faulty: number;
  /** Good rows that were not written because another of their batch was faulty. */
  readonly leftOut: number;
  /** Rows whose name was there already, if that is no fault. */
  readonly skipped: number;
  /** Those among them that have another hash, address or id than who is there. */
  readonly skippedDifferent: number;
  /** Imported ones whose hash has a cost above mintd's own. */
  readonly costly: number;
  /** Imported ones who may administer (src/oauth/admin.ts). */
  readonly administrators: number;
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Candidate = { readonly line: number; readonly user: BulkUser; readonly said: ImportedUser };
/** Faults by line. */
type Faults = Map<number, readonly string[]>;

/** A batch that somebody else's users come in between of, so often, is given up. */
const TRIES = 3;

/**
 * Adds users with the password hashes they have, batch by batch: all of a batch or, when one of its rows is faulty, none.
 * Nothing is kept of rows that were written; of others, their names, to find those that are there twice.
 *
 * @throws what the store throws; all batches `onBatch` was told of are done, and of the one after it all or nothing is
 */
export async function importUsers(
  deps: ImportDeps,
  rows: AsyncIterable<ImportRow>,
  options: ImportOptions,
): Promise<ImportTally> {
  const tally = { imported: 0, faulty: 0, leftOut: 0, skipped: 0, skippedDifferent: 0, costly: 0, administrators: 0 };
  const unwritten = seenNames();
  let batch: ImportRow[] = [];
  const finish = async () => {
    const last = batch.at(-1);
    if (last === undefined) return;
    await importBatch(deps, batch, options, unwritten, tally);
    batch = [];
    deps.onBatch(last.line, tally);
  };
  for await (const row of rows) {
    batch.push(row);
    if (batch.length === options.batchRows) await finish();
  }
  await finish();
  return tally;
}

async function importBatch(
  deps: ImportDeps,
  batch: readonly ImportRow[],
  options: ImportOptions,
  unwritten: SeenNames,
  tally: Mutable<ImportTally>,
): Promise<void> {
  const { isDryRun } = options;
  const { candidates, faults: own } = check(deps, batch);
  let sorted = await compare(deps, candidates, options, unwritten);
  const isFaulty = () => own.size + sorted.faults.size > 0;
  let isWritten = false;
  for (let tries = 0; !isDryRun && !isFaulty() && !isWritten; tries++) {
    if (tries === TRIES) {
      sorted.faults.set(sorted.fresh[0]?.line ?? 0, ['others make users of these names at this moment: try again']);
      break;
    }
    isWritten = await deps.users.addAll(sorted.fresh.map(({ user }) => user));
    if (!isWritten) sorted = await compare(deps, candidates, options, unwritten);
  }
  const faults = [...own, ...sorted.faults].sort(([a], [b]) => a - b);
  for (const [line, sentences] of faults) deps.onFault(line, sentences);
  const good = sorted.fresh.filter(({ line }) => !sorted.faults.has(line));
  if (!isWritten) for (const one of good) for (const name of namesOf(one)) unwritten.add(name, one.line);
  tally.faulty += faults.length;
  tally[faults.length === 0 ? 'imported' : 'leftOut'] += good.length;
  tally.skipped += sorted.skipped;
  tally.skippedDifferent += sorted.skippedDifferent;
  if (faults.length > 0) return;
  tally.administrators += good.filter(({ user }) => user.roles.includes(ADMIN)).length;
  tally.costly += good.filter(({ said }) => said.bcryptCost > options.bcryptCost).length;
}

/** What can be said of each row by itself. */
function check(deps: ImportDeps, batch: readonly ImportRow[]): { candidates: readonly Candidate[]; faults: Faults } {
  const now = deps.clock();
  const candidates: Candidate[] = [];
  const faults: Faults = new Map();
  for (const row of batch) {
    const said = 'fault' in row ? [row.fault] : checkImportedUser(row.record, now);
    if (!('username' in said)) {
      faults.set(row.line, said);
      continue;
    }
    const { id, isDisabled, createdAt, username, email, roles, passwordHash } = said;
    const user = {
      ...{ username, email, roles, passwordHash },
      id: id ?? uuidFrom(deps.randomBytes(16)),
      createdAt: createdAt ?? now,
      disabledAt: isDisabled ? now : null,
    };
    candidates.push({ line: row.line, user, said });
  }
  return { candidates, faults };
}

type Sorted = { fresh: readonly Candidate[]; skipped: number; skippedDifferent: number; faults: Faults };

/** What can be said of rows beside who is there already, and beside each other. */
async function compare(
  { users }: ImportDeps,
  candidates: readonly Candidate[],
  { skipsExisting }: ImportOptions,
  unwritten: SeenNames,
): Promise<Sorted> {
  const fresh: Candidate[] = [];
  const faults: Faults = new Map();
  let [skipped, skippedDifferent] = [0, 0];
  const there = candidates.length === 0 ? [] : await users.findClaimants(candidates.map(({ user }) => user));
  const byName = new Map(there.flatMap((claimant) => namesOfClaimant(claimant).map((name) => [name, claimant])));
  const lines = new Map<string, number>();
  for (const candidate of candidates) {
    const names = namesOf(candidate);
    const namesake = byName.get(names[0]);
    if (skipsExisting && namesake !== undefined) {
      skipped++;
      if (!isSame(candidate, namesake)) skippedDifferent++;
      continue;
    }
    const sentences = names.flatMap((name) => {
      const line = lines.get(name) ?? unwritten.lineOf(name);
      if (byName.has(name)) return [`${whatIs(name)} is taken`];
      return line === null ? [] : [`${whatIs(name)} is that of line ${line}`];
    });
    for (const name of names) if (!lines.has(name)) lines.set(name, candidate.line);
    if (sentences.length > 0) faults.set(candidate.line, sentences);
    fresh.push(candidate);
  }
  return { fresh, skipped, skippedDifferent, faults };
}

type Name = `${'name' | 'mail' | 'uuid'} ${string}`;

/** What of a row must be nobody else's; the name first. An id that is made up is nobody's. */
function namesOf({ user, said }: Candidate): readonly [Name, ...Name[]] {
  const mail: readonly Name[] = user.email === null ? [] : [`mail ${user.email.key}`];
  const uuid: readonly Name[] = said.id === null ? [] : [`uuid ${said.id}`];
  return [`name ${user.username.key}`, ...mail, ...uuid];
}

function namesOfClaimant({ usernameKey, emailKey, id }: Claimant): readonly Name[] {
  return [`name ${usernameKey}`, ...(emailKey === null ? [] : [`mail ${emailKey}` as const]), `uuid ${id}`];
}

function whatIs(name: Name): string {
  if (name.startsWith('name')) return 'the user name';
  return name.startsWith('mail') ? 'the e-mail address' : 'the id';
}

/** Whether who is there can be who is meant: the same password, address and, where the row says one, id. */
function isSame({ user, said }: Candidate, { passwordHash, emailKey, id }: Claimant): boolean {
  return user.passwordHash === passwordHash && (user.email?.key ?? null) === emailKey && (said.id ?? id) === id;
}
