/**
 * Reads what a server says from the connection's first byte to its first ReadyForQuery: the key that a cancel request
 * will name, whether the server takes sessions at all, and where a message ends. After that nobody looks at the
 * stream any more. Called by session.ts; never changes a byte.
 */
import { keyOf } from "./packets.ts";

const backendKeyData = 0x4b;
const errorResponse = 0x45;
const readyForQuery = 0x5a;
/** Longest message that is kept to be read: an error or a key. Others are only counted. */
const keptBytesMax = 16_384;

export class ServerStart {
  /** cancellation key, once the server has told it */
  key: string | undefined;
  /** ReadyForQuery has been seen, or a message that this cannot follow */
  done = false;
  /** ReadyForQuery has been seen */
  isReady = false;
  /** the first message, when it is an error: its SQLSTATE */
  refusedWith: string | undefined;
  #messages = 0;
  /** bytes of the current message's head and kept body; at most keptBytesMax */
  #pending: Buffer = Buffer.alloc(0);
  /** bytes of the current message's body still to be passed over */
  #skip = 0;

  /** Whether everything seen so far ends with a whole message. */
  get atBoundary(): boolean {
    return this.#skip === 0 && this.#pending.length === 0;
  }

  /** Whether the first message is complete: before that nothing needs to be passed on. */
  get answered(): boolean {
    return this.#messages > 0;
  }

  feed(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    if (skipped === chunk.length) return;
    this.#pending = Buffer.concat([this.#pending, chunk.subarray(skipped)]);
    while (!this.done && this.#pending.length >= 5 && this.#take());
  }

  /** @returns false when the message at hand is not complete */
  #take(): boolean {
    const type = this.#pending[0];
    const size = 1 + this.#pending.readUInt32BE(1);
    const kept = type === backendKeyData || type === errorResponse;
    if (size < 5 || (kept && size > keptBytesMax)) {
      this.done = true;
      return false;
    }
    if (kept && this.#pending.length < size) return false;
    if (type === backendKeyData) this.key = keyOf(this.#pending.subarray(5, size));
    if (type === errorResponse && this.#messages === 0) this.refusedWith = sqlState(this.#pending.subarray(5, size));
    if (type === readyForQuery) this.done = this.isReady = true;
    this.#messages += 1;
    this.#skip = Math.max(0, size - this.#pending.length);
    this.#pending = this.#pending.subarray(Math.min(size, this.#pending.length));
    return true;
  }
}

function sqlState(fields: Buffer): string {
  for (const field of fields.toString("latin1").split("\0")) {
    if (field.startsWith("C")) return field.slice(1);
  }
  return "";
}
