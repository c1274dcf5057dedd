import { type Database, openDatabase, PATIENT_STATEMENT_TIMEOUT_MS } from '../store/database.js';
import { schemaFault, schemaStatus } from '../store/migrate.js';
import { CommandFailed } from './io.js';

/**
 * Runs a command on the database, which must be there and of this program's schema; closes it in any case.
 *
 * @param statementTimeoutMs how long PostgreSQL may work on one statement
 */
export async function withDatabase<T>(
  databaseUrl: string,
  work: (database: Database) => Promise<T>,
  statementTimeoutMs = PATIENT_STATEMENT_TIMEOUT_MS,
): Promise<T> {
  const database = await openDatabase(databaseUrl, false, statementTimeoutMs);
  try {
    const fault = schemaFault(await schemaStatus(database));
    if (fault !== null) throw new CommandFailed(fault);
    return await work(database);
  } finally {
    await database.close();
  }
}
