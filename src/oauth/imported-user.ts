import { bcryptCost } from './bcrypt-hash.js';
import { type CheckedUser, checkNewUser } from './new-user.js';
import { type EpochMs, parseRfc3339 } from './time.js';
import { isUuid } from './uuid.js';

/** What may be said of a user that is imported: columns of CSV, members of JSON. */
export const IMPORT_MEMBERS = ['username', 'email', 'roles', 'password_hash', 'id', 'disabled', 'created_at'] as const;
/** What must be said. */
export const REQUIRED_MEMBERS = ['username', 'password_hash'] as const;

/** A user as a file describes it; nothing in it is checked. Absent, undefined and null are the same. */
export type ImportRecord = Readonly<Record<string, unknown>>;

/** The same, checked and normalised. */
export type ImportedUser = CheckedUser & {
  readonly passwordHash: string;
  /** The cost of the hash. */
  readonly bcryptCost: number;
  /** A UUID in lower case; null to be made up. */
  readonly id: string | null;
  readonly isDisabled: boolean;
  /** Null for now. */
  readonly createdAt: EpochMs | null;
};

/**
 * Checks a user that comes with a password hash from elsewhere, by the rules for new users.
 *
 * @param now a user was not made later
 * @returns sentences about what is wrong, none of which repeats a value; or the user
 */
export function checkImportedUser(record: ImportRecord, now: EpochMs): readonly string[] | ImportedUser {
  const faults = [...memberFaults(record)];
  const member = (name: (typeof IMPORT_MEMBERS)[number]) => record[name] ?? undefined;
  const [username, email] = [member('username'), member('email')];
  const roles = rolesOf(member('roles'));
  if (roles === null) faults.push('roles is neither a text nor a list of texts');
  for (const [name, value] of Object.entries({ username, email })) {
    if (value !== undefined && typeof value !== 'string') faults.push(`${name} is not a text`);
  }
  const passwordHash = member('password_hash');
  const cost = typeof passwordHash === 'string' ? bcryptCost(passwordHash) : null;
  if (passwordHash !== undefined && cost === null) {
    faults.push('password_hash is not a bcrypt hash of 60 characters ($2a$, $2b$ or $2y$) with a cost from 4 to 16');
  }
  const id = member('id');
  if (id !== undefined && !(typeof id === 'string' && isUuid(id))) faults.push('id is not a UUID');
  const isDisabled = booleanOf(member('disabled'));
  if (isDisabled === null) faults.push('disabled is neither true nor false');
  const createdAt = timeOf(member('created_at'), now);
  if (createdAt === undefined) faults.push('created_at is not a time of RFC 3339 from 1970 until now');
  const checked =
    typeof username === 'string'
      ? checkNewUser({ username, email: typeof email === 'string' ? email : undefined, roles: roles ?? [] })
      : [];
  if (!('username' in checked)) return [...faults, ...checked];
  if (faults.length > 0 || typeof passwordHash !== 'string' || cost === null || createdAt === undefined) return faults;
  return {
    ...checked,
    ...{ passwordHash, bcryptCost: cost, createdAt },
    id: typeof id === 'string' ? id.toLowerCase() : null,
    isDisabled: isDisabled === true,
  };
}

function memberFaults(record: ImportRecord): readonly string[] {
  const unknown = unknownMembers(Object.keys(record));
  const missing = REQUIRED_MEMBERS.filter((name) => (record[name] ?? undefined) === undefined);
  return [
    ...(unknown.length === 0 ? [] : [`nobody knows ${unknown.join(', ')}; possible are ${IMPORT_MEMBERS.join(', ')}`]),
    ...missing.map((name) => `${name} is missing`),
  ];
}

/**
 * Those that no imported user has, in a form to be shown. What does not look like a name is not repeated but counted from
 * one: where a heading should be and is not, it is somebody's password hash.
 */
export function unknownMembers(names: readonly string[]): readonly string[] {
  const known: readonly string[] = IMPORT_MEMBERS;
  return names.flatMap((name, i) => {
    if (known.includes(name)) return [];
    return [/^[A-Za-z_][\w .-]{0,39}$/.test(name) ? JSON.stringify(name) : `number ${i + 1}`];
  });
}

/** Null when it is not a list of roles; whether each is one is for the rules of new users. */
function rolesOf(value: unknown): readonly string[] | null {
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ').filter((role) => role !== '');
  return Array.isArray(value) && value.every((role) => typeof role === 'string') ? value : null;
}

function booleanOf(value: unknown): boolean | null {
  if (value === undefined || value === false || value === 'false') return false;
  return value === true || value === 'true' ? true : null;
}

/** Null for no time, undefined for none that can be. */
function timeOf(value: unknown, now: EpochMs): EpochMs | null | undefined {
  if (value === undefined) return null;
  const time = typeof value === 'string' ? parseRfc3339(value) : null;
  return time !== null && time >= 0 && time <= now ? time : undefined;
}
