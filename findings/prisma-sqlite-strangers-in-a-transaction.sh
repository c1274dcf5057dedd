#!/bin/sh
# @prisma/client and @prisma/adapter-better-sqlite3 7.10.0 (better-sqlite3 13.2.0): a write that has nothing to do with a
# transaction becomes part of it, and goes when it is rolled back.
#
# Expected: what is asked of the client itself, and not of the one an interactive transaction is given, runs outside of
# that transaction. It waits until SQLite is free, or fails because it is busy; it does not see what is not committed.
#
# What happens: the adapter has one connection for everything and lets only transactions wait for each other. While one is
# open, every other query of the process runs on the connection it is open on. It reads what is not committed; and what it
# writes, with the promise fulfilled and the row returned, is undone when the transaction fails.
#
# seen: another request reads: written in the transaction
# seen: another request writes: its create is fulfilled with id 2
# seen: the transaction ends: rolled back
# seen: rows left: 0
#
# For those who build such services: on SQLite a $transaction with a callback is shared by everything that happens before
# it ends. A refresh token that was rotated and sent to its owner meanwhile is unknown a moment later, because of a
# stranger's failed request. Do in one statement, or on a connection of one's own, what must hold together; or let no other
# query begin while a transaction is open.
set -u
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 2' HUP INT TERM
cannot() {
  cat "$dir/install.log" >&2
  exit 2
}
cd "$dir" || exit 2
# This better-sqlite3 brings its binaries, and the adapter works with it; the one it asks for downloads or compiles them.
cat >package.json <<'END'
{ "private": true, "type": "module", "overrides": { "better-sqlite3": "13.2.0" } }
END
npm install --ignore-scripts --no-audit --no-fund \
  prisma@7.10.0 @prisma/client@7.10.0 @prisma/adapter-better-sqlite3@7.10.0 >install.log 2>&1 || cannot
# These binaries are for Node 22 and later.
node=node
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 22 ]; then
  platform=$(node -p 'process.platform + "-" + process.arch')
  npm install --ignore-scripts --no-audit --no-fund "node-$platform@24.22.3" >install.log 2>&1 || cannot
  node=$(ls "$dir"/node_modules/node-*/bin/node) || exit 2
fi

cat >schema.prisma <<'END'
datasource db {
  provider = "sqlite"
}
generator client {
  provider = "prisma-client-js"
}
model Note {
  id   Int    @id
  text String
}
END
# To generate a client takes no schema engine, but the command wants one to be named.
PRISMA_SCHEMA_ENGINE_BINARY=$(command -v node) CHECKPOINT_DISABLE=1 \
  node node_modules/prisma/build/index.js generate --no-hints --schema schema.prisma >install.log 2>&1 || cannot

cat >main.js <<'END'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaClient } from '@prisma/client';

const prisma = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url: 'file:notes.db' }) });
await prisma.$executeRawUnsafe('CREATE TABLE Note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');

let tellOpen, letFail;
const isOpen = new Promise((resolve) => (tellOpen = resolve));
const mayFail = new Promise((resolve) => (letFail = resolve));
const transaction = prisma
  .$transaction(async (inside) => {
    await inside.note.create({ data: { id: 1, text: 'written in the transaction' } });
    tellOpen();
    await mayFail;
    throw new Error('rolled back');
  })
  .then(() => 'committed', ({ message }) => message);

await isOpen;
// The transaction waits for this; where these two waited for the transaction, they would be let go of.
const patience = setTimeout(letFail, 2_000);
const orError = (asked) => asked.catch(({ code, message }) => code ?? message);
const read = await orError(prisma.note.findMany().then((rows) => rows.map(({ text }) => text).join(' ') || 'nothing'));
const create = prisma.note.create({ data: { id: 2, text: 'written by another request' } });
const written = await orError(create.then(({ id }) => `its create is fulfilled with id ${id}`));
clearTimeout(patience);
letFail();
console.log(`another request reads: ${read}`);
console.log(`another request writes: ${written}`);
console.log(`the transaction ends: ${await transaction}`);
console.log(`rows left: ${await prisma.note.count()}`);
await prisma.$disconnect();
END
seen=$("$node" main.js) || exit 2
printf '%s\n' "$seen"
[ "$seen" = "$(sed -n 's/^# seen: //p' "$self")" ]
