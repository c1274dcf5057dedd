import SqliteConnection from 'better-sqlite3';
import type { Test } from 'tap';
import { sqliteFile } from '../../src/store/database.js';
import type { TestIssuer } from '../helper.js';
import { connectPostgres } from '../store/support.js';
import type { Operation, Table } from './fault-requests.js';

/** What the database says, and nobody outside may hear. */
export const CAUSE = 'the cause that nobody is told';

/** Something that goes wrong in the database, as SQL that brings it about and SQL that ends it. */
export type Fault = {
  readonly name: string;
  readonly begin: string;
  readonly end: string;
  /** What a request that meets it is answered with. */
  readonly status: 500 | 503;
  /** The statement is reported as failed, and yet it was done. */
  readonly isStored?: true;
};

/** Runs SQL beside the issuer, on a connection of its own. */
export async function beside(t: Test, { database }: TestIssuer): Promise<(sql: string) => Promise<void>> {
  if (database.provider === 'sqlite') {
    const connection = new SqliteConnection(sqliteFile(database.url));
    t.teardown(() => connection.close());
    return async (sql) => void connection.exec(sql);
  }
  const connection = await connectPostgres(t, database.url);
  return async (sql) => void (await connection.query(sql));
}

/** A reading that fails, on any database: a column is not where it was. It is one the deciding statement does not name. */
export function lostColumn(table: 'clients' | 'users'): Fault {
  const column = table === 'clients' ? 'name' : 'email';
  return {
    name: `${table} cannot be read`,
    begin: `ALTER TABLE ${table} RENAME COLUMN ${column} TO lost`,
    end: `ALTER TABLE ${table} RENAME COLUMN lost TO ${column}`,
    status: 500,
  };
}

/**
 * SQLite has no triggers on reading: a column in the place of another that cannot be computed. It stops whatever reads a
 * row, and not the deciding statement where that matches none.
 */
export const SQLITE_UNREADABLE: Fault = {
  name: 'families cannot be read',
  begin: `ALTER TABLE families RENAME COLUMN scope TO lost;
    ALTER TABLE families ADD COLUMN scope TEXT AS (abs(-9223372036854775807 - min(1, length(id)))) VIRTUAL`,
  end: 'ALTER TABLE families DROP COLUMN scope; ALTER TABLE families RENAME COLUMN lost TO scope',
  status: 500,
};

/** The deciding statement of a refresh fails before it looks at a row. */
export const LOST_ROTATION: Fault = {
  name: 'the deciding statement cannot be run',
  begin: 'ALTER TABLE families RENAME COLUMN generation TO lost',
  end: 'ALTER TABLE families RENAME COLUMN lost TO generation',
  status: 500,
};

/** Every way in which a trigger of SQLite can stop a statement (sqlite.org, "The RAISE() function"). */
export function sqliteWriteFaults(table: Table, operation: Operation): readonly Fault[] {
  return ['BEFORE', 'AFTER'].flatMap((time) =>
    ['ABORT', 'FAIL', 'ROLLBACK'].map((manner): Fault => {
      const raise = `SELECT RAISE(${manner}, '${CAUSE}');`;
      return {
        name: `RAISE(${manner}) ${time} ${operation} ON ${table}`,
        begin: `CREATE TRIGGER fault ${time} ${operation} ON ${table} BEGIN ${raise} END`,
        end: 'DROP TRIGGER fault',
        status: 500,
        // FAIL leaves what the statement has done so far.
        ...(time === 'AFTER' && manner === 'FAIL' ? { isStored: true } : {}),
      };
    }),
  );
}

/** The SQLSTATE of an error that says nothing of the database's health (raise_exception). */
export const PLAIN = 'P0001';

/** SQLSTATEs with which PostgreSQL says that it cannot just now: PostgreSQL documentation, appendix A. */
export const OUTAGES: Readonly<Record<string, string>> = {
  admin_shutdown: '57P01',
  crash_shutdown: '57P02',
  cannot_connect_now: '57P03',
  query_canceled: '57014',
  disk_full: '53100',
  out_of_memory: '53200',
  too_many_connections: '53300',
  io_error: '58030',
  connection_failure: '08006',
  read_only_sql_transaction: '25006',
  lock_not_available: '55P03',
};

/** SQLSTATEs with which it says that the statement may be sent again. */
export const RETRYABLE: Readonly<Record<string, string>> = {
  serialization_failure: '40001',
  deadlock_detected: '40P01',
};

type Raise = {
  readonly sqlstate: string;
  /** How often; always if left out. A sequence counts: what it gave out no rollback takes back. */
  readonly times?: number;
};

function raising({ sqlstate, times }: Raise): string {
  const raise = `RAISE EXCEPTION '${CAUSE}' USING ERRCODE = '${sqlstate}'`;
  return times === undefined ? `${raise};` : `IF nextval('fault_count') <= ${times} THEN ${raise}; END IF;`;
}

const TRIGGERS: Readonly<Record<string, (on: string) => string>> = {
  'before the row': (on) => `CREATE TRIGGER fault BEFORE ${on} FOR EACH ROW EXECUTE FUNCTION fault()`,
  'after the row': (on) => `CREATE TRIGGER fault AFTER ${on} FOR EACH ROW EXECUTE FUNCTION fault()`,
  'before the statement': (on) => `CREATE TRIGGER fault BEFORE ${on} FOR EACH STATEMENT EXECUTE FUNCTION fault()`,
  'at the commit': (on) =>
    `CREATE CONSTRAINT TRIGGER fault AFTER ${on} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fault()`,
};

/** A trigger of PostgreSQL that raises, at every time there is. */
export function postgresWriteFault(on: readonly [Operation, Table], time: keyof typeof TRIGGERS, raise: Raise): Fault {
  const trigger = TRIGGERS[time];
  if (trigger === undefined) throw new Error('no such time');
  const [operation, table] = on;
  const body = `BEGIN ${raising(raise)} IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END`;
  return {
    name: `${raise.sqlstate} ${time} of ${operation} ON ${table}`,
    begin: `CREATE SEQUENCE fault_count;
      CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$;
      ${trigger(`${operation} ON ${table}`)}`,
    end: `DROP TRIGGER fault ON ${table}; DROP FUNCTION fault; DROP SEQUENCE fault_count`,
    status: raise.sqlstate === PLAIN ? 500 : 503,
  };
}

export const TRIGGER_TIMES: readonly string[] = Object.keys(TRIGGERS);

/** PostgreSQL has no triggers on reading: a view in the table's place raises, and only for a SELECT. */
export function postgresReadFault(table: Table, raise: Raise): Fault {
  return {
    name: `${raise.sqlstate} at SELECT FROM ${table}`,
    begin: `CREATE SEQUENCE fault_count;
      CREATE FUNCTION fault() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN
        IF current_query() ~* '^\\s*SELECT' THEN ${raising(raise)} END IF; RETURN true; END $$;
      ALTER TABLE ${table} RENAME TO behind;
      CREATE VIEW ${table} AS SELECT * FROM behind WHERE fault()`,
    end: `DROP VIEW ${table}; ALTER TABLE behind RENAME TO ${table}; DROP FUNCTION fault; DROP SEQUENCE fault_count`,
    status: raise.sqlstate === PLAIN ? 500 : 503,
  };
}
