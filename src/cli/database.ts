import { COMMAND_PATIENCE, type Database, openDatabase } from '../store/database.js';
import { schemaFault, schemaStatus } from '../store/migrate.js';
import { CommandFailed } from './io.js';

/**
 * Runs a command on the database, which must be there and of this program's schema; closes it in any case.
 *
 * @param patience with each statement on PostgreSQL
 */
export async function withDatabase<T>(
  databaseUrl: string,
  work: (database: Database) => Promise<T>,
  patience = COMMAND_PATIENCE,
): Promise<T> {
  const database = await openDatabase(databaseUrl, false, patience);
  try {
    const fault = schemaFault(await schemaStatus(database));
    if (fault !== null) throw new CommandFailed(fault);
    return await work(database);
  } finally {
    await database.close();
  }
}
