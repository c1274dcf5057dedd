/** One line of a file, without its end; null when it is longer than LONGEST_LINE_BYTES. */
export type Line = { readonly number: number; readonly bytes: Buffer | null };

/** Nothing that describes a user is as long. */
export const LONGEST_LINE_BYTES = 65_536;
export const TOO_LONG = 'longer than 64 KiB';
export const NOT_UTF8 = 'not UTF-8';

const [LF, CR] = [0x0a, 0x0d];
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Cuts bytes into lines, which end with LF or CRLF; a byte order mark before the first is dropped. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let number = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (part: Uint8Array) => {
    heldBytes += part.length;
    // Of a line that is too long nothing is kept but how long it is.
    if (heldBytes > LONGEST_LINE_BYTES + 1) held = [];
    else held.push(part);
  };
  const take = (): Line => {
    const bytes = heldBytes > LONGEST_LINE_BYTES + 1 ? null : withoutEnds(Buffer.concat(held), number === 1);
    [held, heldBytes] = [[], 0];
    return { number: number++, bytes: bytes !== null && bytes.length > LONGEST_LINE_BYTES ? null : bytes };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
      hold(chunk.subarray(from, at));
      yield take();
      from = at + 1;
    }
    hold(chunk.subarray(from));
  }
  if (heldBytes > 0) yield take();
}

function withoutEnds(line: Buffer, isFirst: boolean): Buffer {
  const from = isFirst && BYTE_ORDER_MARK.equals(line.subarray(0, 3)) ? 3 : 0;
  return line.subarray(from, line.at(-1) === CR ? line.length - 1 : line.length);
}

/**
 * Reads UTF-8 as it is: bytes that are none are not repaired, they would become somebody's name.
 *
 * @returns null when it is not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
