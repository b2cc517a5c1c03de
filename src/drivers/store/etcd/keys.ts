/** Keys of the store as etcd has them: below the installation's prefix, as bytes. Used by store.ts and watch.ts. */

/** The printable-ASCII key behind every key that starts with `prefix`; `prefix` is not empty. */
export function rangeOf(prefix: string): { key: Uint8Array<ArrayBuffer>; rangeEnd: Uint8Array<ArrayBuffer> } {
  const key = bytesOf(prefix);
  const rangeEnd = bytesOf(prefix);
  // Keys are printable ASCII, so that the last byte can always be one more.
  rangeEnd[rangeEnd.length - 1] = (rangeEnd.at(-1) ?? 0) + 1;
  return { key, rangeEnd };
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
