import fc from 'fast-check';
import t from 'tap';
import type { ImportRow } from '../../src/accounts/import.js';
import { readCsv } from '../../src/cli/import-csv.js';
import { readNdjson } from '../../src/cli/import-ndjson.js';

type Reader = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<ImportRow>;

/** What a reader makes of a file that comes in pieces of so many bytes. */
async function rowsOf(read: Reader, file: string | Uint8Array, chunkBytes = 1 << 20): Promise<readonly ImportRow[]> {
  const bytes = Buffer.from(file as string);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const rows: ImportRow[] = [];
  for await (const row of read(chunks())) rows.push(row);
  return rows;
}

const csv = (file: string | Uint8Array, chunkBytes?: number) => rowsOf(readCsv, file, chunkBytes);
const ndjson = (file: string | Uint8Array, chunkBytes?: number) => rowsOf(readNdjson, file, chunkBytes);
const HEADER = 'username,password_hash,email\n';
const user = (username: string, line: number, rest: object = { password_hash: 'x', email: null }) => ({
  line,
  record: { username, ...rest },
});

t.test('CSV: quotes, line ends, a byte order mark, empty fields and empty lines', async (t) => {
  t.strictSame(await csv(`${HEADER}ada,x,`), [user('ada', 2)]);
  t.strictSame(await csv(`\ufeff${HEADER.replace('\n', '\r\n')}ada,x,\r\n\r\nbob,x,"b@c"\r\n`), [
    user('ada', 2),
    user('bob', 4, { password_hash: 'x', email: 'b@c' }),
  ]);
  t.strictSame(await csv(`${HEADER}"a ""d"", a",x,\n""",",x,\n`), [user('a "d", a', 2), user('",', 3)]);
  t.strictSame(await csv(`${HEADER}\ufeffada, x,\n`), [user('\ufeffada', 2, { password_hash: ' x', email: null })]);
  t.strictSame(await csv('"email","password_hash","username"\n,,\n'), [
    { line: 2, record: { email: null, password_hash: null, username: null } },
  ]);
});

t.test('CSV: a row is told by the line it begins in, also behind line breaks in quotes', async (t) => {
  const file = `${HEADER}"a\nd\r\n""\na",x,\nbob,x,\n\n"cy\n",x,\ndan,x,\n`;
  t.strictSame(await csv(file), [user('a\nd\n"\na', 2), user('bob', 6), user('cy\n', 8), user('dan', 10)]);
});

t.test('CSV: a malformed record is a fault of its own line, and the next is read', async (t) => {
  const rows: readonly (readonly [record: string, why: RegExp])[] = [
    ['ada,x', /^there are 2 fields, but 3 columns$/],
    ['ada,x,,', /^there are 4 fields/],
    ['"ada"x,x,', /quotes/],
    ['a"da",x,', /quotes/],
    ['a"da,x,', /quotes/],
    ['"ada" ,x,', /quotes/],
  ];
  for (const [record, why] of rows) {
    const found = await csv(`${HEADER}bob,x,\n${record}\n"cy",x,\n`);
    t.match(found, [user('bob', 2), { line: 3, fault: why }, user('cy', 4)], record);
  }
  const [fault] = await csv(`${HEADER}"ada,x,\nbob,x,\n`);
  t.strictSame(fault, { line: 2, fault: 'a quote is not closed until the end of the file' });
});

t.test('bytes that are not UTF-8 are a fault of their line and are not repaired', async (t) => {
  for (const bytes of ['ff', 'c3', 'c0af', 'eda080', 'f4908080']) {
    const bad = Buffer.concat([Buffer.from(`${HEADER}"a\n`), Buffer.from(bytes, 'hex'), Buffer.from('",x,\nbob,x,\n')]);
    t.strictSame(await csv(bad), [{ line: 2, fault: 'the record is not UTF-8' }, user('bob', 4)], bytes);
    const line = Buffer.concat([Buffer.from('{"username":"'), Buffer.from(bytes, 'hex'), Buffer.from('"}\n{}')]);
    const found = await ndjson(line);
    t.strictSame(
      found,
      [
        { line: 1, fault: 'the line is not UTF-8' },
        { line: 2, record: {} },
      ],
      bytes,
    );
  }
});

t.test('64 KiB are a line, one byte more is a fault, and no more of it is kept', async (t) => {
  const most = 65_536;
  const row = (length: number) => `${'a'.repeat(length - 3)},x,`;
  t.strictSame(await csv(`${HEADER}${row(most)}\r\nbob,x,\n`, 1000), [user('a'.repeat(most - 3), 2), user('bob', 3)]);
  for (const length of [most + 1, most + 2, 10 * most]) {
    const found = await csv(`${HEADER}${row(length)}\r\nbob,x,\n`, 1000);
    t.strictSame(found, [{ line: 2, fault: 'the record is longer than 64 KiB' }, user('bob', 3)]);
    t.match(await ndjson(`${'1'.repeat(length)}\n{}`), [{ line: 1, fault: /longer than 64 KiB/ }, { line: 2 }]);
  }
  const quoted = `${HEADER}"${'aaaaaaaaa\n'.repeat(6554)}",x,\nbob,x,\n`;
  t.match((await csv(quoted))[0], { line: 2, fault: /longer than 64 KiB, up to line 6555: is a quote not closed\?/ });
});

t.test('CSV: a header that is not one stops everything, with one sentence that shows no hash', async (t) => {
  const rows: readonly (readonly [header: string, why: RegExp])[] = [
    ['', /^the file is empty/],
    ['\n\n', /^the file is empty/],
    ['username\n', /missing: password_hash \(the columns are username, email/],
    ['email,roles\n', /missing: username, password_hash/],
    ['username,password_hash,phone,Full Name\n', /unknown: "phone", "Full Name"/],
    ['username,password_hash,username\n', /there twice: username/],
    ['Username,password_hash\n', /unknown: "Username"; missing: username/],
    ['username,password_hash,\n', /unknown: number 3/],
    ['ada,$2b$10$abcdefghijk\n', /^line 1 must name the columns and knows none of them/],
    ['username;password_hash\n', /knows none/],
    ['"username\n', /quote/],
    ['user"name,password_hash\n', /quotes/],
  ];
  for (const [header, why] of rows) {
    const error = await csv(header).then(String, ({ message }) => message);
    t.match(error, why, header);
    t.notMatch(error, /\$2b/);
  }
  await t.rejects(csv(Buffer.from('75ff0a', 'hex')), /line 1: the record is not UTF-8/);
});

t.test('NDJSON: an object a line', async (t) => {
  const file = '\ufeff{"username":"ada","roles":["a"],"email":null}\r\n\n  \n{"id":"\\ud800"}';
  t.strictSame(await ndjson(file), [
    { line: 1, record: { username: 'ada', roles: ['a'], email: null } },
    { line: 4, record: { id: '\ud800' } },
  ]);
  const rows: readonly (readonly [line: string, why: RegExp])[] = [
    ['{"username":"hunter2"', /^the line is not JSON$/],
    ['hunter2', /^the line is not JSON$/],
    ['{}{}', /^the line is not JSON$/],
    ['[]', /not a JSON object/],
    ['null', /not a JSON object/],
    ['"{}"', /not a JSON object/],
    ['{"username":"ada","email":null,"username":"eve"}', /twice/],
    ['{"username":"ada","user\\u006eame":"eve"}', /twice/],
  ];
  for (const [line, why] of rows) t.match(await ndjson(`${line}\n{}`), [{ line: 1, fault: why }, { line: 2 }], line);
  t.strictSame(await ndjson(''), []);
});

t.test('what is read is what was written, however the bytes come in pieces', async () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', 'é', '😀', ' '), minLength: 1, maxLength: 5 });
  const names = fc.array(field, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 9 }), async (names, chunkBytes) => {
      const quoted = names.map((name) => `"${name.replaceAll('"', '""')}",x,\n`);
      const lines = names.map((name) => `${JSON.stringify({ username: name })}\n`);
      const usernames = (rows: readonly ImportRow[]) => rows.map((row) => 'record' in row && row.record['username']);
      const [a, b] = [await csv(HEADER + quoted.join(''), chunkBytes), await ndjson(lines.join(''), chunkBytes)];
      let line = 2;
      const starts = quoted.map((text) => {
        const start = line;
        line += text.split('\n').length - 1;
        return start;
      });
      const same = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
      return (
        same(usernames(a), names) &&
        same(usernames(b), names) &&
        same(
          a.map(({ line }) => line),
          starts,
        )
      );
    }),
    { numRuns: 200 },
  );
});

t.test('CSV: one malformed record among many costs no other', async (t) => {
  const lines = Array.from({ length: 1000 }, (_, i) => (i === 700 ? 'a"b,x,' : `user${i},x,`));
  const found = await csv(HEADER + lines.join('\n'));
  t.equal(found.length, 1000);
  t.strictSame(
    found.flatMap((row) => ('fault' in row ? [row.line] : [])),
    [702],
  );
  t.strictSame(found[999], user('user999', 1001));
});
