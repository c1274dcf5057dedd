/** Names with the line each stands in. */
export type SeenNames = {
  add(name: string, line: number): void;
  /** The first line the name was added with, or null. */
  lineOf(name: string): number | null;
};

const FIRST_SLOTS = 1024;
/** Two halves of the name's hash, and the line. */
const WORDS = 3;

/**
 * Remembers names in 12 bytes a slot, where a Map of texts would need a hundred: of a million lines, all may have to be
 * remembered. Two names are one when 64 bits of hash are; among three million that happens once in four million times.
 */
export function seenNames(): SeenNames {
  let slots = new Uint32Array(FIRST_SLOTS * WORDS);
  let used = 0;

  /** Where a hash stands in the table, or where it would: a line of 0 is an empty slot. */
  function find(table: Uint32Array, high: number, low: number): number {
    const mask = table.length / WORDS - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (table[at + 2] === 0 || (table[at] === high && table[at + 1] === low)) return at;
    }
  }

  function grow(): void {
    const larger = new Uint32Array(slots.length * 2);
    for (let at = 0; at < slots.length; at += WORDS) {
      const [high = 0, low = 0, line = 0] = slots.subarray(at, at + WORDS);
      if (line !== 0) larger.set([high, low, line], find(larger, high, low));
    }
    slots = larger;
  }

  return {
    add(name, line) {
      const [high, low] = hash(name);
      const at = find(slots, high, low);
      if (slots[at + 2] !== 0) return;
      slots.set([high, low, line], at);
      used++;
      if (used * WORDS * 2 > slots.length) grow();
    },
    lineOf(name) {
      const [high, low] = hash(name);
      const line = slots[find(slots, high, low) + 2] ?? 0;
      return line === 0 ? null : line;
    },
  };
}

/** 64 bits of a text, well mixed: two multiplicative hashes of 32 bits with MurmurHash3's last steps. */
function hash(text: string): readonly [high: number, low: number] {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2654435761);
    b = Math.imul(b ^ unit, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [b >>> 0, a >>> 0];
}
