import { type FileHandle, open } from 'node:fs/promises';
import { type CliIo, CommandFailed } from './io.js';

/** The bytes of a file or of stdin. */
export type Source = {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** How many there will be; null where nobody knows. */
  readonly totalBytes: number | null;
  close(): Promise<void>;
};

/**
 * Opens a file, or stdin for `-`.
 *
 * @throws CommandFailed when it cannot be read
 */
export async function openSource(io: CliIo, file: string): Promise<Source> {
  if (file === '-') return { chunks: io.stdin(), totalBytes: null, close: async () => undefined };
  try {
    const handle = await open(file);
    const info = await handle.stat();
    const totalBytes = info.isFile() ? info.size : null;
    return { chunks: chunksOf(handle, file), totalBytes, close: () => handle.close() };
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function* chunksOf(handle: FileHandle, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* handle.createReadStream({ autoClose: false });
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): CommandFailed {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new CommandFailed(`${file}: it cannot be read${code}`);
}
