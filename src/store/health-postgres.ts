import { readFile } from 'node:fs/promises';
import { type Finding, failed, fine, judgeClock, type Look, warning } from '../oauth/check.js';
import { isLoopback } from '../oauth/origin.js';
import { type Database, POOL_SIZE } from './database.js';
import type { LookSettings } from './health.js';
import { prismaFolder } from './migrate.js';

/** What a PostgreSQL says of itself. */
export type PostgresFacts = {
  readonly version: string;
  /** As 150018 for 15.18. */
  readonly version_number: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly read_only: string;
  readonly is_replica: boolean;
  readonly most_connections: number;
  /** Of those, for superusers and the like. */
  readonly kept_connections: number;
  readonly connections: number;
  readonly is_encrypted: boolean | null;
};

/** What one role may do with one table. */
export type TableRights = { readonly name: string; readonly missing: string };

/** The oldest one whose makers still mend it. */
const OLDEST_VERSION = 14;

export function postgresLooks(database: Database, databaseUrl: string, settings: LookSettings): readonly Look[] {
  let asked: Promise<PostgresFacts> | undefined;
  const facts = () => {
    asked ??= readFacts(database);
    return asked;
  };
  return [
    { name: 'version', take: async () => judgeVersion(await facts()) },
    { name: 'writing', take: async () => judgeWriting(await facts()) },
    { name: 'rights', take: async () => judgeRights(await readRights(database)) },
    { name: 'durability', take: async () => judgeDurability(await facts()) },
    { name: 'connections', take: async () => judgeConnections(await facts()) },
    { name: 'encryption', take: async () => judgeEncryption(await facts(), databaseUrl) },
    { name: 'clock', take: () => lookAtClock(database, settings) },
  ];
}

async function readFacts({ prisma }: Database): Promise<PostgresFacts> {
  const [facts] = await prisma.$queryRaw<PostgresFacts[]>`
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS version_number,
      current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
      current_setting('synchronous_commit') AS synchronous_commit,
      current_setting('transaction_read_only') AS read_only, pg_is_in_recovery() AS is_replica,
      current_setting('max_connections')::int AS most_connections,
      current_setting('superuser_reserved_connections')::int
        + COALESCE(current_setting('reserved_connections', true), '0')::int AS kept_connections,
      (SELECT COUNT(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
      (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS is_encrypted`;
  if (facts === undefined) throw new Error('it says nothing of itself');
  return facts;
}

export function judgeVersion({ version, version_number: number }: PostgresFacts): Finding {
  if (number >= OLDEST_VERSION * 10_000) return fine(`PostgreSQL ${version}`);
  return warning(`PostgreSQL ${version} gets no more security updates`, `upgrade it to ${OLDEST_VERSION} or newer`);
}

export function judgeWriting({ read_only: readOnly, is_replica: isReplica }: PostgresFacts): Finding {
  if (isReplica) return failed('it is a replica, which takes no writes', 'name the primary in DATABASE_URL');
  if (readOnly === 'off') return fine('it takes writes');
  return failed(
    'transactions are read-only',
    'set default_transaction_read_only = off for this role and database (`ALTER ROLE … SET …`)',
  );
}

export function judgeDurability(facts: PostgresFacts): Finding {
  const { fsync, full_page_writes: pages, synchronous_commit: commit } = facts;
  const off = Object.entries({ fsync, full_page_writes: pages, synchronous_commit: commit })
    .filter(([, value]) => value === 'off')
    .map(([name]) => name);
  const shown = `fsync ${fsync}, full_page_writes ${pages}, synchronous_commit ${commit}`;
  if (off.length === 0) return fine(shown);
  const settings = off.map((name) => `\`ALTER SYSTEM SET ${name} = on\``).join(', ');
  return warning(
    `${shown}: a power cut can bring back refresh tokens that were used, or lose the database`,
    `${settings}, then \`SELECT pg_reload_conf()\``,
  );
}

export function judgeConnections(facts: PostgresFacts): Finding {
  const { most_connections: most, kept_connections: kept, connections } = facts;
  const free = most - kept - connections;
  const shown = `${connections} of ${most - kept} in use; each server takes up to ${POOL_SIZE}`;
  if (free >= POOL_SIZE) return fine(shown);
  return warning(`${shown}, and ${Math.max(0, free)} are free`, 'raise max_connections, or run fewer servers');
}

export function judgeEncryption({ is_encrypted: isEncrypted }: PostgresFacts, databaseUrl: string): Finding {
  if (isEncrypted === true) return fine('the connection is encrypted');
  const host = URL.canParse(databaseUrl) ? new URL(databaseUrl).hostname : '';
  if (host === '' || isLoopback(host)) return fine('not encrypted, and it does not leave this machine');
  return warning(
    `the connection to ${host} is not encrypted: who listens reads password hashes`,
    'put `?sslmode=verify-full` behind DATABASE_URL',
  );
}

const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

/** What the role lacks, table by table; those of the schema file, so that none is forgotten. */
async function readRights({ prisma }: Database): Promise<{ role: string; tables: readonly TableRights[] }> {
  const schema = await readFile(`${prismaFolder('postgres')}schema.prisma`, 'utf8');
  const names = [...schema.matchAll(/@@map\("(\w+)"\)/g)].map(([, name]) => name);
  const rows = await prisma.$queryRaw<Record<string, string | boolean>[]>`
    SELECT current_user::text AS role, name, has_table_privilege(to_regclass(name), 'SELECT') AS "SELECT",
      has_table_privilege(to_regclass(name), 'INSERT') AS "INSERT",
      has_table_privilege(to_regclass(name), 'UPDATE') AS "UPDATE",
      has_table_privilege(to_regclass(name), 'DELETE') AS "DELETE"
    FROM jsonb_array_elements_text(${JSON.stringify(names)}::jsonb) AS name
    WHERE to_regclass(name) IS NOT NULL ORDER BY name`;
  const missing = (row: Record<string, unknown>) => RIGHTS.filter((right) => row[right] !== true).join(', ');
  const tables = rows.map((row) => ({ name: String(row['name']), missing: missing(row) }));
  return { role: String(rows[0]?.['role']), tables };
}

export function judgeRights({ role, tables }: { role: string; tables: readonly TableRights[] }): Finding {
  if (tables.length === 0) return fine('there are no tables yet');
  const lacking = tables.filter(({ missing }) => missing !== '');
  if (lacking.length === 0) return fine(`${role} may read and write all ${tables.length} tables`);
  return failed(
    `${role} lacks ${lacking.map(({ name, missing }) => `${missing} on ${name}`).join('; ')}`,
    `as their owner: \`GRANT SELECT, INSERT, UPDATE, DELETE ON ${lacking.map(({ name }) => name).join(', ')} TO "${role}"\``,
  );
}

/** The time on the way is taken for equal there and back. */
async function lookAtClock({ prisma }: Database, { clock, clockSkewSeconds }: LookSettings): Promise<Finding> {
  const before = clock();
  const [row] = await prisma.$queryRaw<{ at: number }[]>`
    SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::float8 AS at`;
  const aheadMs = (before + clock()) / 2 - (row?.at ?? Number.NaN);
  return judgeClock(aheadMs / 1000, clockSkewSeconds, "the database's");
}
