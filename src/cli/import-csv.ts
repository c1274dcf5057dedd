import { parse } from 'csv-parse/sync';
import type { ImportRow } from '../accounts/import.js';
import { IMPORT_MEMBERS, REQUIRED_MEMBERS, unknownMembers } from '../oauth/imported-user.js';
import { decodeUtf8, type Line, LONGEST_LINE_BYTES, linesOf, NOT_UTF8, TOO_LONG } from './import-lines.js';
import { CommandFailed } from './io.js';

/** The lines of one record, which are several where a quoted field has a line break; or what is wrong with them. */
type RawRecord = { readonly line: number } & ({ readonly text: string } | { readonly fault: string });

type OpenRecord = { readonly line: number; readonly parts: Buffer[]; bytes: number };

/** The parser is started for so many records at once: starting it takes longer than a record. */
const RECORDS_A_PARSE = 256;
const [QUOTE, COMMA] = [0x22, 0x2c];

/**
 * Reads users from CSV (RFC 4180): a header, then one record a user; empty fields are left out, empty lines mean nothing.
 *
 * @throws CommandFailed when the header is not what it must be
 */
export async function* readCsv(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ImportRow> {
  let columns: readonly string[] | null = null;
  let waiting: RawRecord[] = [];
  for await (const record of recordsOf(linesOf(chunks))) {
    if (columns === null) {
      columns = readHeader(record);
      continue;
    }
    waiting.push(record);
    if (waiting.length < RECORDS_A_PARSE) continue;
    yield* readRecords(waiting, columns);
    waiting = [];
  }
  if (columns === null) throw new CommandFailed('the file is empty: its first line must name the columns');
  yield* readRecords(waiting, columns);
}

/** Puts lines together to records: one goes on while a quoted field is open. */
async function* recordsOf(lines: AsyncIterable<Line>): AsyncGenerator<RawRecord> {
  let open: OpenRecord | null = null;
  for await (const { number: line, bytes } of lines) {
    if (open === null && bytes?.length === 0) continue;
    const record: OpenRecord = open ?? { line, parts: [], bytes: 0 };
    record.bytes += (bytes?.length ?? 0) + 1;
    if (bytes === null || record.bytes > LONGEST_LINE_BYTES + 1) {
      const lastLine = line === record.line ? '' : `, up to line ${line}: is a quote not closed?`;
      yield { line: record.line, fault: `the record is ${TOO_LONG}${lastLine}` };
      open = null;
      continue;
    }
    record.parts.push(bytes);
    open = isOpenAfter(bytes, open !== null) ? record : null;
    if (open === null) yield decoded(record);
  }
  if (open !== null) yield { line: open.line, fault: 'a quote is not closed until the end of the file' };
}

/** Whether a quoted field is open at the end of a line. Quotes within a field that has none around it open nothing. */
function isOpenAfter(line: Buffer, wasOpen: boolean): boolean {
  if (!wasOpen && !line.includes(QUOTE)) return false;
  let isOpen = wasOpen;
  let atStart = !wasOpen;
  for (let i = 0; i < line.length; i++) {
    const byte = line[i];
    if (isOpen && byte === QUOTE) {
      if (line[i + 1] === QUOTE) i++;
      else isOpen = false;
    } else if (!isOpen) {
      isOpen = atStart && byte === QUOTE;
      atStart = byte === COMMA;
    }
  }
  return isOpen;
}

function decoded({ line, parts }: OpenRecord): RawRecord {
  const texts = parts.map(decodeUtf8);
  return texts.includes(null) ? { line, fault: `the record is ${NOT_UTF8}` } : { line, text: texts.join('\n') };
}

function readHeader(record: RawRecord): readonly string[] {
  const names = 'text' in record ? fieldsOf(record.text) : null;
  if (names === null) throw new CommandFailed(`line ${record.line}: ${'fault' in record ? record.fault : BAD_QUOTES}`);
  const possible = `the columns are ${IMPORT_MEMBERS.join(', ')}`;
  const unknown = unknownMembers(names);
  if (unknown.length === names.length) {
    throw new CommandFailed(`line ${record.line} must name the columns and knows none of them: ${possible}`);
  }
  const missing = REQUIRED_MEMBERS.filter((name) => !names.includes(name));
  const twice = IMPORT_MEMBERS.filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  const faults = [
    ...(unknown.length === 0 ? [] : [`unknown: ${unknown.join(', ')}`]),
    ...(missing.length === 0 ? [] : [`missing: ${missing.join(', ')}`]),
    ...(twice.length === 0 ? [] : [`there twice: ${twice.join(', ')}`]),
  ];
  if (faults.length > 0)
    throw new CommandFailed(`the columns of line ${record.line}: ${faults.join('; ')} (${possible})`);
  return names;
}

const BAD_QUOTES = 'a field with quotes in it must have quotes around it, and those in it doubled';

function* readRecords(records: readonly RawRecord[], columns: readonly string[]): Generator<ImportRow> {
  const texts = records.flatMap((record) => ('text' in record ? [record.text] : []));
  // Where one is malformed the parser refuses all; then each is parsed by itself.
  const together = parsed(texts.join('\n'));
  const all = together?.length === texts.length ? together.values() : null;
  for (const record of records) {
    if ('fault' in record) {
      yield record;
      continue;
    }
    const { line, text } = record;
    const fields = all === null ? fieldsOf(text) : (all.next().value ?? null);
    if (fields === null) yield { line, fault: BAD_QUOTES };
    else if (fields.length !== columns.length) {
      yield { line, fault: `there are ${fields.length} fields, but ${columns.length} columns` };
    } else yield { line, record: Object.fromEntries(columns.map((name, i) => [name, fields[i] || null])) };
  }
}

/** The fields of one record; null when it is malformed. */
function fieldsOf(text: string): readonly string[] | null {
  const rows = parsed(text);
  return rows?.length === 1 ? (rows[0] ?? null) : null;
}

/** Null when something is malformed. What the parser says of it quotes the field. */
function parsed(text: string): readonly (readonly string[])[] | null {
  if (text === '') return [];
  try {
    return parse(text, { bom: false, record_delimiter: '\n', relax_column_count: true });
  } catch {
    return null;
  }
}
