import { constants, existsSync } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Finding, failed, fine, judgeClock, type Look, warning } from '../oauth/check.js';
import type { Database } from './database.js';
import type { LookSettings } from './health.js';
import { whoHolds } from './lock.js';

const FROM_BACKUP = 'stop the server and restore a backup (docs/operations/backup.md)';

export function sqliteLooks(database: Database, path: string, settings: LookSettings): readonly Look[] {
  return [
    { name: 'durability', take: () => lookAtDurability(database) },
    { name: 'integrity', advice: FROM_BACKUP, take: () => lookAtIntegrity(database) },
    { name: 'files', take: () => lookAtFiles(path) },
    { name: 'disk', take: () => lookAtDisk(path) },
    { name: 'lock', take: async () => judgeLock(await whoHolds(path)) },
    { name: 'clock', needsTables: true, take: () => lookAtClock(database, settings) },
  ];
}

async function pragma({ prisma }: Database, statement: string): Promise<readonly string[]> {
  const rows = await prisma.$queryRawUnsafe<Record<string, unknown>[]>(`PRAGMA ${statement}`);
  return rows.map((row) => Object.values(row).map(String).join(' '));
}

/** WAL is a property of the file. The rest is one of each connection: tried out on this one. */
async function lookAtDurability(database: Database): Promise<Finding> {
  const [journal] = await pragma(database, 'journal_mode');
  await pragma(database, 'synchronous = 2');
  await pragma(database, 'foreign_keys = 1');
  const [[synchronous], [foreignKeys]] = [
    await pragma(database, 'synchronous'),
    await pragma(database, 'foreign_keys'),
  ];
  if (synchronous !== '2' || foreignKeys !== '1') {
    return failed(
      `SQLite does not take synchronous=FULL and foreign_keys=ON: they are ${synchronous} and ${foreignKeys}`,
      'install mintd anew with `npm ci`: this is another SQLite than the one it brings',
    );
  }
  if (journal !== 'wal') {
    return warning(
      `journal_mode is ${journal}, not wal`,
      'start mintd, which sets it; if it changes back, find the other program that opens the file',
    );
  }
  return fine('journal_mode wal, synchronous FULL, foreign keys on');
}

async function lookAtIntegrity(database: Database): Promise<Finding> {
  const faults = (await pragma(database, 'quick_check(3)')).filter((line) => line !== 'ok');
  if (faults.length > 0) return failed(`the file is damaged: ${faults.join('; ')}`, FROM_BACKUP);
  const dangling = await pragma(database, 'foreign_key_check');
  if (dangling.length > 0) return failed(`${dangling.length} rows point at rows that are not there`, FROM_BACKUP);
  return fine('the file is sound, and no row points at nothing');
}

async function lookAtFiles(path: string): Promise<Finding> {
  const folder = dirname(path);
  for (const one of [path, folder]) {
    const mayWrite = await access(one, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (!mayWrite) return failed(`${one} cannot be written to`, `chown it to the user that mintd runs as`);
  }
  const mayEnter = ((await stat(folder)).mode & 0o011) !== 0;
  const there = [path, `${path}-wal`, `${path}-shm`].filter((one) => existsSync(one));
  const modes = await Promise.all(there.map(async (name) => ({ name, mode: (await stat(name)).mode & 0o777 })));
  const open = modes.find(({ mode }) => (mode & 0o077) !== 0);
  if (mayEnter && open !== undefined) {
    return warning(
      `others on this machine can read password hashes in ${open.name} (mode ${open.mode.toString(8)})`,
      `\`chmod 600 ${path}*\``,
    );
  }
  return fine(mayEnter ? 'only their owner can read them' : 'only their owner can enter the folder');
}

const MEBIBYTE = 1024 * 1024;
/** What the write-ahead log takes while nobody empties it, many times over. */
const LEAST_FREE_BYTES = 64 * MEBIBYTE;

/** File systems of other machines, by statfs(2), on which locks and shared memory do not do what SQLite needs. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9P'],
]);

async function lookAtDisk(path: string): Promise<Finding> {
  const { bavail, bsize, type } = await statfs(dirname(path));
  return judgeDisk({ freeBytes: bavail * bsize, fileBytes: (await stat(path)).size, fileSystem: type });
}

export type Disk = {
  readonly freeBytes: number;
  readonly fileBytes: number;
  /** Its number in statfs(2). */
  readonly fileSystem: number;
};

export function judgeDisk({ freeBytes, fileBytes, fileSystem }: Disk): Finding {
  const shown = `${show(freeBytes)} free, the database has ${show(fileBytes)}`;
  const advice = 'make room, or move the folder of DATABASE_URL to a larger disk';
  if (freeBytes < LEAST_FREE_BYTES) return failed(`${shown}: soon nobody can log in or refresh`, advice);
  const network = NETWORK_FILE_SYSTEMS.get(fileSystem >>> 0);
  if (network !== undefined) {
    return warning(
      `the database is on ${network}, where SQLite loses data when locks fail`,
      'put it on a disk of this machine, or use PostgreSQL',
    );
  }
  if (freeBytes < fileBytes + LEAST_FREE_BYTES) return warning(`${shown}: no room for a backup beside it`, advice);
  return fine(shown);
}

function show(bytes: number): string {
  return bytes < 1024 * MEBIBYTE ? `${Math.ceil(bytes / MEBIBYTE)} MiB` : `${Math.floor(bytes / 1024 / MEBIBYTE)} GiB`;
}

function judgeLock(holder: string | null): Finding {
  return fine(holder === null ? 'no server of this machine has it open' : `a server has it open: ${holder}`);
}

/** Everything stored was stored in the past; what lies in the future, a clock put there. */
async function lookAtClock({ prisma }: Database, { clock, clockSkewSeconds }: LookSettings): Promise<Finding> {
  const [row] = await prisma.$queryRaw<{ at: bigint | number | null }[]>`
    SELECT MAX(at) AS at FROM (
      SELECT MAX(created_at) AS at FROM users UNION ALL SELECT MAX(created_at) FROM clients
      UNION ALL SELECT MAX(MAX(created_at), COALESCE(MAX(rotated_at), 0), COALESCE(MAX(revoked_at), 0)) FROM families)`;
  const aheadSeconds = (clock() - Number(row?.at ?? 0)) / 1000;
  if (aheadSeconds >= 0) return fine('nothing in the database lies in the future');
  return judgeClock(aheadSeconds, clockSkewSeconds, 'the newest time in the database');
}
