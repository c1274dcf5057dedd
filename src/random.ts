import { randomFillSync } from 'node:crypto';

/** One call to the system's generator costs as much as many small values take. */
const BLOCK_BYTES = 4096;

/** Makes so many random bytes. */
export type RandomBytes = (size: number) => Uint8Array<ArrayBuffer>;

/** Random bytes of the system's generator, fetched in blocks; each is given out once, and none is kept. */
export function openRandom(): RandomBytes {
  const block = new Uint8Array(BLOCK_BYTES);
  let used = BLOCK_BYTES;
  return (size) => {
    if (size > BLOCK_BYTES) return randomFillSync(new Uint8Array(size));
    if (used + size > BLOCK_BYTES) {
      randomFillSync(block);
      used = 0;
    }
    const given = block.slice(used, used + size);
    block.fill(0, used, used + size);
    used += size;
    return given;
  };
}
