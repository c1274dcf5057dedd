import { readFile } from 'node:fs/promises';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { bindMigrationAwareSqlAdapterFactory, type SqlDriverAdapter } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { adapterFor, MIGRATION_PATIENCE, providerOf } from './database.js';

/** Tables and enums the engine leaves alone: none of ours. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

/** A migration has the process to itself. */
const BUSY_WAIT_MS = 2_000;

let instantiated: Promise<void> | undefined;

async function instantiate(): Promise<void> {
  const script = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(new URL('schema_engine_bg.wasm', script));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': withoutLingering(bindings) });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
}

/** The engine sets a timer of ten seconds and never clears it; it must not keep a finished command alive. */
function withoutLingering(imports: object): Record<string, unknown> {
  const entries = Object.entries(imports).map(([name, call]): [string, unknown] => {
    if (!name.startsWith('__wbg_setTimeout_') || typeof call !== 'function') return [name, call];
    return [name, (...args: unknown[]) => unref(call(...args))];
  });
  return Object.fromEntries(entries);
}

function unref(timer: unknown): unknown {
  return timer instanceof Object && 'unref' in timer && typeof timer.unref === 'function' ? timer.unref() : timer;
}

/**
 * Works with Prisma's own schema engine, compiled to WebAssembly: it needs no download and no executable.
 *
 * On SQLite the engine locks the whole file, so no other connection of this process may be open meanwhile; its own
 * are closed when this returns.
 */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  work: (engine: bindings.SchemaEngine) => Promise<T>,
): Promise<T> {
  instantiated ??= instantiate();
  await instantiated;
  const connections: SqlDriverAdapter[] = [];
  const factory = adapterFor(databaseUrl, {
    mayCreate: true,
    patience: MIGRATION_PATIENCE,
    busyTimeoutMs: BUSY_WAIT_MS,
  });
  const tracked: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const connection = await factory.connect();
      connections.push(connection);
      return providerOf(databaseUrl) === 'postgres' ? withWholeScripts(connection) : connection;
    },
    async connectToShadowDb() {
      const connection = await factory.connectToShadowDb();
      connections.push(connection);
      return connection;
    },
  };
  const silent = (): void => undefined;
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(tracked);
    const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, silent, adapter);
    return await work(engine);
  } finally {
    await Promise.all(connections.map((connection) => connection.dispose()));
  }
}

/**
 * The adapter cuts a script at every semicolon and commits each piece. Sent whole, PostgreSQL runs it as one transaction:
 * a migration that fails, or whose process dies, has changed nothing.
 */
function withWholeScripts(connection: SqlDriverAdapter): SqlDriverAdapter {
  connection.executeScript = async (sql) => {
    await connection.executeRaw({ sql, args: [], argTypes: [] });
  };
  return connection;
}

/**
 * The SQL that leads from one Prisma schema to another; empty when they describe the same database.
 *
 * @param databaseUrl any database of the kind: the engine asks it for its version, and nothing else
 * @param from null for a database without tables
 */
export async function sqlBetween(databaseUrl: string, from: string | null, to: string): Promise<string> {
  const target = (content: string) => ({
    tag: 'schemaDatamodel' as const,
    files: [{ path: 'schema.prisma', content }],
  });
  const { stdout } = await withSchemaEngine(databaseUrl, (engine) =>
    engine.diff({
      from: from === null ? { tag: 'empty' } : target(from),
      to: target(to),
      script: true,
      exitCode: null,
      filters: NO_FILTERS,
    }),
  );
  const sql = stdout ?? '';
  return /^[^-\s]/m.test(sql) ? sql : '';
}
