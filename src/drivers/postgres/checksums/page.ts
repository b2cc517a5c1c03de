/**
 * The checksum that Postgres keeps in each page of a relation. Pure.
 * Source: Postgres 18, src/include/storage/checksum_impl.h (the algorithm and its constants), bufpage.h (the places).
 */

export const pageBytes = 8192;

const columns = 32;
const rows = pageBytes / (4 * columns);
const prime = 16_777_619;
const checksumPlace = 8;
const upperPlace = 14;

// prettier-ignore
const seeds = Int32Array.of(
  0x5b1f36e9, 0xb8525960, 0x02ab50aa, 0x1de66d2a, 0x79ff467a, 0x9bb9f8a3, 0x217e7cd2, 0x83e13d2c,
  0xf8d4474f, 0xe39eb970, 0x42c6ae16, 0x993216fa, 0x7b093b5d, 0x98daff3c, 0xf718902a, 0x0b1c9cdb,
  0xe58f764b, 0x187636bc, 0x5d7b3bb1, 0xe73de7de, 0x92bec979, 0xcca6c0b2, 0x304a0979, 0x85aa43d4,
  0x783125bb, 0x6ca8eaa2, 0xe407eac6, 0x4b5cfc3e, 0x9fbf8c76, 0x15ca20be, 0xf2ca9fd3, 0x959bd756,
);

const sums = new Int32Array(columns);

/**
 * @param words one page, in the machine's order of bytes, which is the server's
 * @param block its number in the relation, over all of its files
 * @returns false when the page is not what was written; a page that was never used has no checksum
 */
export function isPageWhole(words: Int32Array, block: number): boolean {
  const bytes = new DataView(words.buffer, words.byteOffset, pageBytes);
  if (bytes.getUint16(upperPlace, true) === 0) return words.every((word) => word === 0);
  const kept = bytes.getUint16(checksumPlace, true);
  return kept === checksumOf(words, block);
}

/** The page's own checksum counts as zero. */
export function checksumOf(words: Int32Array, block: number): number {
  const place = checksumPlace / 4;
  sums.set(seeds);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) {
      const at = row * columns + column;
      const word = words[at] ?? 0;
      mix(column, at === place ? word & ~0xffff : word);
    }
  let sum = 0;
  for (let column = 0; column < columns; column += 1) {
    mix(column, 0);
    mix(column, 0);
    sum ^= sums[column] ?? 0;
  }
  return (((sum ^ block) >>> 0) % 65_535) + 1;
}

function mix(column: number, word: number): void {
  const mixed = (sums[column] ?? 0) ^ word;
  sums[column] = Math.imul(mixed, prime) ^ (mixed >>> 17);
}
