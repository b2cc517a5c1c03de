/**
 * A position in the write-ahead log: bytes since its beginning, 64 bits. An LSN alone does not order two servers; a
 * `WalPosition` (timeline.ts) does. Pure.
 */

export type Lsn = bigint & { readonly __lsn: true };

export const zeroLsn = 0n as Lsn;

const lsnText = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Postgres' own text form, `16/B374D848`. @throws RangeError when the text is no LSN */
export function parseLsn(text: string): Lsn {
  const parts = lsnText.exec(text);
  if (!parts) throw new RangeError(`not an LSN: ${JSON.stringify(text)}`);
  return ((BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`)) as Lsn;
}

export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

export function toLsn(bytes: bigint): Lsn {
  return bytes as Lsn;
}

/** For `sort`: lowest first. */
export function compareLsn(a: Lsn, b: Lsn): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Bytes from `behind` to `ahead`, never negative; exact up to 8 PiB. */
export function bytesBetween(behind: Lsn, ahead: Lsn): number {
  return ahead > behind ? Number(ahead - behind) : 0;
}

export function laterLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}
