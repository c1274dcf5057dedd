import { readFile } from 'node:fs/promises';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { bindMigrationAwareSqlAdapterFactory, type SqlDriverAdapter } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { connectionSettings, MIGRATION_PATIENCE, providerOf } from '../src/store/database.js';

/** Tables and enums the engine leaves alone: none of ours. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

let instantiated: Promise<void> | undefined;

async function instantiate(): Promise<void> {
  const script = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(new URL('schema_engine_bg.wasm', script));
  const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': withoutLingering(bindings) });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
}

/** The engine sets a timer of ten seconds and never clears it; it must not keep a finished script alive. */
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
  const factory =
    providerOf(databaseUrl) === 'sqlite'
      ? new PrismaBetterSqlite3({ url: databaseUrl }, { timestampFormat: 'unixepoch-ms' })
      : new PrismaPg(connectionSettings(databaseUrl, MIGRATION_PATIENCE));
  const connections: SqlDriverAdapter[] = [];
  const kept = async (connecting: Promise<SqlDriverAdapter>): Promise<SqlDriverAdapter> => {
    const connection = await connecting;
    connections.push(connection);
    return connection;
  };
  const tracked: SqlMigrationAwareDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: () => kept(factory.connect()),
    connectToShadowDb: () => kept(factory.connectToShadowDb()),
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
