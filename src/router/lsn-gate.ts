/**
 * Keeps a session that has just begun until its server has replayed a position of the log: asks the server in the
 * session itself, between two messages, again and again. Called by session.ts. Between two questions the session is idle
 * and holds no snapshot, so it does not keep the server from replaying.
 */
import type { Socket } from "node:net";

const dataRow = 0x44;
const errorResponse = 0x45;
const readyForQuery = 0x5a;
const betweenMs = 10;

export class LsnGate {
  readonly #server: Socket;
  readonly #question: Buffer;
  readonly #opened: () => void;
  readonly #failed: (reason: "late" | "refused") => void;
  #pending: Buffer = Buffer.alloc(0);
  #isReached = false;
  #isOver = false;
  readonly #deadline: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;

  constructor(
    server: Socket,
    wanted: { readonly lsn: string; readonly withinMs: number },
    outcome: { readonly opened: () => void; readonly failed: (reason: "late" | "refused") => void },
  ) {
    this.#server = server;
    this.#question = query(wanted.lsn);
    this.#opened = outcome.opened;
    this.#failed = outcome.failed;
    this.#deadline = setTimeout(() => this.#end(() => this.#failed("late")), wanted.withinMs);
    server.write(this.#question);
  }

  /** What the server answers. */
  feed(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (!this.#isOver && this.#pending.length >= 5) {
      const size = 1 + this.#pending.readUInt32BE(1);
      if (this.#pending.length < size) return;
      const message = this.#pending.subarray(0, size);
      this.#pending = this.#pending.subarray(size);
      this.#read(message);
    }
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#again);
  }

  #read(message: Buffer): void {
    const type = message[0];
    // One column, one byte: t or f.
    if (type === dataRow) this.#isReached = message.at(-1) === 0x74;
    else if (type === errorResponse) this.#end(() => this.#failed("refused"));
    else if (type === readyForQuery && this.#isReached) this.#end(this.#opened);
    else if (type === readyForQuery) this.#again = setTimeout(() => this.#server.write(this.#question), betweenMs);
  }

  #end(tell: () => void): void {
    this.close();
    tell();
  }
}

/** On a primary its own log counts: after a failover that lost something it may not have come as far. */
function query(lsn: string): Buffer {
  const sql = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
    ELSE pg_catalog.pg_current_wal_insert_lsn() END OPERATOR(pg_catalog.>=) '${lsn}'::pg_catalog.pg_lsn`;
  const body = Buffer.from(`${sql}\0`, "latin1");
  const head = Buffer.alloc(5);
  head.write("Q", 0, "latin1");
  head.writeUInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
