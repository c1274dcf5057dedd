import { hash } from 'node:crypto';
import pg, { type Pool } from 'pg';
import type { Prisma } from './generated/sqlite/client.js';

/**
 * Runs one statement that is prepared once and kept, without Prisma's engine between, which takes several times as long as
 * the databases themselves. For what refreshes do and logins write; everything else goes through Prisma.
 *
 * @returns the rows, columns named as in the database, times as Date
 */
export type Direct = <Row>(statement: Prisma.Sql) => Promise<readonly Row[]>;

/** On the pool that Prisma uses as well. */
export function directOn(pool: Pool): Direct {
  const names = new Map<string, string>();

  /** By its text, so that servers that share connections through a pooler mean the same by one name. */
  function nameOf(text: string): string {
    const name = names.get(text) ?? `mintd_${hash('sha256', text, 'hex').slice(0, 16)}`;
    names.set(text, name);
    return name;
  }

  return async <Row>({ text, values }: Prisma.Sql) => {
    const result = await pool.query({
      name: nameOf(text),
      text,
      values: values.map(written),
      types: { getTypeParser },
    });
    return result.rows as Row[];
  };
}

/** A column without time zone holds UTC, which the driver would take for local time both ways. */
function written(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(written);
  return value instanceof Date ? value.toISOString() : value;
}

const getTypeParser: pg.CustomTypesConfig['getTypeParser'] = (oid, format) =>
  oid === pg.types.builtins.TIMESTAMP
    ? (text: string) => new Date(`${text.replace(' ', 'T')}Z`)
    : pg.types.getTypeParser(oid, format);
