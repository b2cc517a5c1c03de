/**
 * What hosts tell each other of their event files: rows in the order in which a host wrote them. Read for the peer route
 * of the API, applied by agent/journal-sync.ts. To apply is safe to repeat, and all rows of a page or none are kept.
 *
 * A host's head is the number up to which this file has what that host wrote. Rows of a host are only ever taken in
 * their order, so nothing is missing below a head, and any host can hand on what a third one wrote.
 */
import type { DatabaseSync } from "node:sqlite";
import type { EventLog } from "./event-log.ts";
import type { EventRecord } from "./event.ts";
import { journalRowSchema, type JournalRow } from "./journal-row.ts";
import type { OperationLog } from "./operation-log.ts";
import type { Sequence } from "./sequence.ts";

export interface JournalPage {
  readonly origin: string;
  /** oldest first; checked row by row when they are applied */
  readonly rows: { readonly kind: string; readonly row: unknown }[];
  /** the sender has nothing of this origin up to here but these rows */
  readonly head: number;
}

export interface JournalParts {
  readonly database: DatabaseSync;
  /** this host; "" in an installation of one host, which has nobody to tell */
  readonly host: string;
  readonly sequence: Sequence;
  readonly events: EventLog;
  readonly operations: OperationLog;
}

export const journalRowsMax = 500;

export class Journal {
  readonly host: string;
  /** of this host's own rows: the last in the file when it was opened. What lies between it and `openedAt` was lost */
  readonly ownAtOpen: number;
  readonly openedAt: number;
  readonly #parts: JournalParts;
  readonly #heads: Map<string, number>;

  constructor(parts: JournalParts, now: number) {
    this.#parts = parts;
    this.host = parts.host;
    this.ownAtOpen = parts.sequence.last;
    this.openedAt = now;
    const known = parts.database.prepare("SELECT host, seq FROM head").all();
    this.#heads = new Map(known.map((row) => [String(row["host"]), Number(row["seq"])]));
  }

  /** By host that wrote: the number up to which all its rows are here. */
  heads(): Readonly<Record<string, number>> {
    if (this.host === "") return {};
    return { ...Object.fromEntries(this.#heads), [this.host]: this.#parts.sequence.last };
  }

  headOf(origin: string): number {
    return origin === this.host ? this.#parts.sequence.last : (this.#heads.get(origin) ?? 0);
  }

  /** Another host has rows of ours that this file has lost: what comes next is newer than they are. */
  raise(seq: number): void {
    this.#parts.sequence.learn(seq);
  }

  /** Rows that `origin` wrote after `after`, as far as they are here. */
  read(origin: string, after: number, limit: number): JournalPage {
    const most = Math.min(limit, journalRowsMax);
    const rows = readSql
      .flatMap(({ kind, sql }) =>
        this.#parts.database
          .prepare(sql)
          .all(origin, after, most)
          .map((row) => ({ kind, row })),
      )
      .toSorted((a, b) => Number(a.row["seq"]) - Number(b.row["seq"]))
      .slice(0, most);
    const last = rows.length < most ? undefined : rows.at(-1);
    return { origin, rows, head: last ? Number(last.row["seq"]) : Math.max(after, this.headOf(origin)) };
  }

  /**
   * @returns how many rows could not be understood
   * @throws when the file cannot be written: then nothing of the page is kept
   */
  apply(page: JournalPage): { readonly skipped: number } {
    const rows = page.rows.flatMap((row) => {
      const parsed = journalRowSchema.safeParse(row);
      return parsed.success && parsed.data.row.host === page.origin ? [parsed.data] : [];
    });
    const { events, operations } = this.#written(page, rows);
    if (page.origin === this.host) this.#parts.sequence.learn(page.head);
    else this.#heads.set(page.origin, Math.max(this.headOf(page.origin), page.head));
    this.#parts.events.tell(events);
    for (const id of operations) this.#parts.operations.tell(id);
    return { skipped: page.rows.length - rows.length };
  }

  #written(page: JournalPage, rows: readonly JournalRow[]): Taken {
    const { database } = this.#parts;
    database.exec("BEGIN");
    try {
      const taken = this.#take(rows);
      if (page.origin !== this.host) database.prepare(headSql).run(page.origin, page.head);
      database.exec("COMMIT");
      return taken;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  #take(rows: readonly JournalRow[]): Taken {
    const events: EventRecord[] = [];
    const operations = new Set<string>();
    for (const { kind, row } of rows) {
      switch (kind) {
        case "event": {
          const event = this.#parts.events.take(row);
          if (event) events.push(event);
          break;
        }
        case "begun":
          if (this.#parts.operations.takeBegun(row)) operations.add(row.id);
          break;
        case "end":
          if (this.#parts.operations.takeEnd(row)) operations.add(row.id);
      }
    }
    return { events, operations };
  }
}

/** What a page brought that was not here before. */
interface Taken {
  readonly events: readonly EventRecord[];
  readonly operations: ReadonlySet<string>;
}

const readSql = [
  { kind: "event", sql: "SELECT * FROM event WHERE host = ? AND seq > ? ORDER BY seq LIMIT ?" },
  { kind: "begun", sql: "SELECT * FROM operation_begun WHERE host = ? AND seq > ? ORDER BY seq LIMIT ?" },
  { kind: "end", sql: "SELECT * FROM operation_end WHERE host = ? AND seq > ? ORDER BY seq LIMIT ?" },
] as const;

const headSql = `
  INSERT INTO head (host, seq) VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET seq = max(seq, excluded.seq)`;
