import { Client } from 'pg';
import { migrate } from '../../src/store/migrate.js';

/** Rows of all tables as they were at one moment. */
export type Copy = { restore(emptyUrl: string): Promise<string> };

/** Owners first, so that no row points at nothing. */
const TABLES = 'users clients families installation key_rings login_failures client_assertions'.split(' ');

/**
 * What pg_dump and pg_restore do, which the PostgreSQL of these tests does not bring: one snapshot of everything while
 * others write, and the rows put back into an empty database.
 */
export async function copyPostgres(url: string): Promise<Copy> {
  const rows = await connected(url, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const read = new Map<string, string>();
    for (const table of TABLES) {
      const { rows } = await client.query(`SELECT COALESCE(json_agg(r), '[]')::text AS rows FROM ${table} r`);
      read.set(table, rows[0].rows);
    }
    return read;
  });
  return {
    async restore(emptyUrl) {
      await migrate(emptyUrl, true);
      await connected(emptyUrl, async (client) => {
        for (const [table, text] of rows) {
          await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [text]);
        }
      });
      return emptyUrl;
    },
  };
}

async function connected<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return work(client).finally(() => client.end());
}
