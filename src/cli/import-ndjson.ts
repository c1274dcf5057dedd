import type { ImportRow } from '../accounts/import.js';
import { countMembers } from '../oauth/parameters.js';
import { decodeUtf8, linesOf, NOT_UTF8, TOO_LONG } from './import-lines.js';

/** Reads users from NDJSON: one JSON object a line; empty lines mean nothing. */
export async function* readNdjson(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ImportRow> {
  for await (const { number: line, bytes } of linesOf(chunks)) {
    const text = bytes === null ? null : decodeUtf8(bytes);
    if (text?.trim() === '') continue;
    if (text === null) yield { line, fault: `the line is ${bytes === null ? TOO_LONG : NOT_UTF8}` };
    else yield { line, ...readObject(text) };
  }
}

function readObject(text: string): { record: Readonly<Record<string, unknown>> } | { fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What the parser says quotes the line.
    return { fault: 'the line is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { fault: 'the line is not a JSON object' };
  }
  const isFlat = Object.values(value)
    .flat()
    .every((member) => typeof member !== 'object' || member === null);
  if (isFlat && countMembers(text) !== Object.keys(value).length) return { fault: 'a member stands there twice' };
  return { record: { ...value } };
}
