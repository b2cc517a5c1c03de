/**
 * The log of what happened to the clusters: written by the agent, read by the API. Bounded by count and age. To emit
 * never fails and never waits long: an event that cannot be written must not stop what it tells of.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { redact, redactDeep } from "../log/redact.ts";
import { eventCatalog, type EventType, type FieldsOf } from "./catalog.ts";
import type { EventRecord } from "./event.ts";
import type { Subject } from "./kind.ts";
import { Listeners } from "./listeners.ts";
import type { Sequence } from "./sequence.ts";

export interface EventLogOptions {
  /** name of this host; left out in an installation of one host */
  readonly host?: string;
  readonly eventsMax?: number;
  readonly keptDays?: number;
  /** wall clock, milliseconds */
  readonly now?: () => number;
  /** told when an event could not be written */
  readonly onProblem?: (problem: unknown) => void;
}

/** What any event may say besides the fields of its type. */
export interface EventContext {
  /** with what concerns the whole installation: its agent, its router */
  readonly cluster?: string;
  readonly member?: string;
  /** who asked for it; "matriarch" when nobody did */
  readonly actor?: string;
  /** why, in one sentence */
  readonly cause?: string;
  readonly durationMs?: number;
  readonly epoch?: number;
  /** wall clock, when it is told later than it happened */
  readonly at?: number;
  /** what happened, by a name that every host has for it: whoever tells it too, it is kept once (`isTold`) */
  readonly once?: string;
}

/** An event as one host wrote it: its number there, and not yet one here. */
export interface ToldEvent extends Omit<EventRecord, "id" | "host"> {
  readonly once: string | null;
}

export interface EventFilter {
  readonly cluster?: string;
  /** a type, or the beginning of several: `failover` means `failover.started` and its siblings; all but the audit's without it */
  readonly type?: string;
  readonly member?: string;
}

/** Where a page ended: of the oldest event on it. */
export interface EventPlace {
  readonly at: number;
  readonly id: number;
}

export interface EventSelection extends EventFilter {
  readonly afterId?: number;
  /** only what is older */
  readonly before?: EventPlace;
  /** only what happened then or later; wall clock */
  readonly since?: number;
  /** so many of the oldest that fit, by their ids; left out: of the newest */
  readonly oldestFirst?: boolean;
  /** so many at most */
  readonly limit: number;
}

/** Nothing to give for a type whose sentence has no fields. */
export type FieldArguments<T extends EventType> = string extends keyof FieldsOf<T> ? [] : [fields: FieldsOf<T>];

/** The clocks of two hosts, and how long after the first the second tells the same. Later it has happened again. */
const sameWithinMs = 120_000;
const unwrittenMax = 1000;
const pruneEvery = 200;
const dayMs = 86_400_000;

export class EventLog {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #listeners = new Listeners<EventRecord>();
  readonly #eventsMax: number;
  readonly #keptMs: number;
  readonly #now: () => number;
  readonly #onProblem: (problem: unknown) => void;
  readonly #unwritten: ToldEvent[] = [];
  readonly #sequence: Sequence;
  readonly #host: string;
  #untilPrune = 0;

  /** `database` is made by event-file.ts. */
  constructor(database: DatabaseSync, sequence: Sequence, options: EventLogOptions) {
    this.#database = database;
    this.#sequence = sequence;
    this.#host = options.host ?? "";
    this.#insert = database.prepare(
      `INSERT OR IGNORE INTO event
         (at, cluster, member, type, level, message, cause, actor, duration_ms, epoch, details, once, host, seq)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#eventsMax = options.eventsMax ?? 100_000;
    this.#keptMs = (options.keptDays ?? 90) * dayMs;
    this.#now = options.now ?? Date.now;
    this.#onProblem = options.onProblem ?? (() => undefined);
  }

  /** whose file this is; undefined in an installation of one host */
  get host(): string | undefined {
    return this.#host === "" ? undefined : this.#host;
  }

  /** Never throws. @returns the event's id; undefined when it could not be written, or was told already */
  emit<T extends EventType>(type: T, about: EventContext, ...fields: FieldArguments<T>): number | undefined {
    try {
      this.#unwritten.push(toRecord(type, about, Object.assign({}, ...fields), about.at ?? this.#now()));
      if (this.#unwritten.length > unwrittenMax) this.#unwritten.shift();
      const id = this.#writeAll();
      this.#pruneNowAndThen();
      return id;
    } catch (problem) {
      this.#onProblem(problem);
      return undefined;
    }
  }

  /**
   * Oldest first. With other hosts' events among them by the time at which they happened: ids are the order in which
   * they came to be known here.
   */
  list(selection: EventSelection): readonly EventRecord[] {
    const { cluster, member, type, afterId = 0, before, since, limit, oldestFirst = false } = selection;
    const values = {
      after: afterId,
      cluster: cluster ?? null,
      member: member ?? null,
      type: type ?? null,
      since: since ?? null,
      limit,
    };
    if (oldestFirst) return this.#read(`${selectSql} ORDER BY id LIMIT :limit`, values);
    const page = { ...values, before_id: before?.id ?? null };
    if (this.#host === "") return this.#read(newestSql, page).toReversed();
    return this.#read(newestByTimeSql, { ...page, before_at: before?.at ?? null }).toReversed();
  }

  #read(sql: string, values: Record<string, string | number | null>): EventRecord[] {
    return this.#database
      .prepare(sql)
      .all(values)
      .map((row) => fromRow(row));
  }

  /** Calls `happened` for each new event that fits, until `signal` aborts. */
  subscribe(filter: EventFilter, happened: (event: EventRecord) => void, signal: AbortSignal): void {
    this.#listeners.add((event) => {
      if (fits(event, filter)) happened(event);
    }, signal);
  }

  /**
   * Another host's event, or one of ours that this file has lost. Within the journal's transaction; `tell` comes after.
   * @returns undefined when it is here already
   */
  take({ host, seq, ...event }: ToldEvent & { readonly host: string; readonly seq: number }): EventRecord | undefined {
    return this.isTold(event.once, Date.parse(event.at)) ? undefined : this.#insertAs(host, seq, event);
  }

  /** To whoever follows, events that were taken. */
  tell(events: readonly EventRecord[]): void {
    for (const event of events) this.#listeners.notify(event);
    this.#pruneNowAndThen(events.length);
  }

  /** Whether any host has told `once` at about this time. */
  isTold(once: string | null, at: number): boolean {
    if (once === null) return false;
    return this.#database.prepare(toldSql).get(once, at - sameWithinMs, at + sameWithinMs) !== undefined;
  }

  close(): void {
    this.#listeners.clear();
  }

  /** What could not be written before, because the disk was full, comes first. */
  #writeAll(): number | undefined {
    let id: number | undefined;
    for (let event = this.#unwritten[0]; event; event = this.#unwritten[0]) {
      const isTold = this.isTold(event.once, Date.parse(event.at));
      const written = isTold ? undefined : this.#insertAs(this.#host, this.#sequence.next(), event);
      this.#unwritten.shift();
      if (written) this.#listeners.notify(written);
      id = written?.id;
    }
    return id;
  }

  #insertAs(host: string, seq: number, { once, ...event }: ToldEvent): EventRecord | undefined {
    const { changes, lastInsertRowid } = this.#insert.run(
      Date.parse(event.at),
      event.cluster,
      event.member,
      event.type,
      event.level,
      event.message,
      event.cause,
      event.actor,
      event.duration_ms,
      event.epoch,
      JSON.stringify(event.details),
      once,
      host,
      seq,
    );
    if (changes === 0) return undefined;
    return { id: Number(lastInsertRowid), ...event, host: host === "" ? null : host };
  }

  #pruneNowAndThen(written = 1): void {
    this.#untilPrune -= written;
    if (this.#untilPrune > 0) return;
    this.#untilPrune = pruneEvery;
    this.#database.prepare("DELETE FROM event WHERE at < ?").run(this.#now() - this.#keptMs);
    this.#database.prepare("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?").run(this.#eventsMax);
  }
}

const selectSql = `
  SELECT * FROM event
  WHERE id > :after AND (:since IS NULL OR at >= :since) AND (:cluster IS NULL OR cluster IN (:cluster, '')) AND (:member IS NULL OR member = :member)
    AND (:type IS NULL AND type NOT GLOB 'audit.*' OR type = :type OR substr(type, 1, length(:type) + 1) = :type || '.')`;

/** In a file of one host ids are the order in which things happened. */
const newestSql = `
  ${selectSql} AND (:before_id IS NULL OR id < :before_id) ORDER BY id DESC LIMIT :limit`;

/** Those after an id are for somebody who goes on reading here: the first that came, so that none is passed over. */
const newestByTimeSql = `
  SELECT * FROM (${selectSql} AND (:before_id IS NULL OR (at, id) < (:before_at, :before_id)) ORDER BY CASE WHEN :after > 0 THEN id ELSE at END DESC, id DESC LIMIT :limit)
  ORDER BY at DESC, id DESC`;

const toldSql = "SELECT 1 FROM event WHERE once = ? AND at BETWEEN ? AND ? LIMIT 1";

const rowSchema = z.object({
  id: z.int(),
  at: z.int().transform((at) => new Date(at).toISOString()),
  cluster: z.string(),
  member: z.string().nullable(),
  type: z.string(),
  level: z.enum(["info", "warning", "error"]),
  message: z.string(),
  cause: z.string().nullable(),
  actor: z.string(),
  duration_ms: z.number().nullable(),
  epoch: z.int().nullable(),
  details: z.string().transform((text) => z.record(z.string(), z.unknown()).parse(JSON.parse(text))),
  host: z.string().transform((host) => (host === "" ? null : host)),
});

function fromRow(row: unknown): EventRecord {
  return rowSchema.parse(row);
}

function toRecord(type: EventType, about: EventContext, fields: Record<string, unknown>, now: number): ToldEvent {
  const safe = z.record(z.string(), z.unknown()).parse(redactDeep(fields));
  return {
    at: new Date(now).toISOString(),
    cluster: about.cluster ?? "",
    member: about.member ?? null,
    type,
    level: eventCatalog[type].level,
    message: redact(sentence(type, { ...safe, cluster: about.cluster ?? "", member: about.member ?? "" })),
    cause: about.cause === undefined ? null : redact(about.cause),
    actor: about.actor ?? "matriarch",
    duration_ms: about.durationMs ?? null,
    epoch: about.epoch ?? null,
    details: safe,
    once: about.once ?? null,
  };
}

/** `emit` has checked that the fields are those of the type; the compiler cannot follow that through the table. */
function sentence(type: EventType, fields: Subject & Record<string, unknown>): string {
  const { message }: { readonly message: (given: never) => string } = eventCatalog[type];
  return Reflect.apply(message, undefined, [fields]);
}

function fits(event: EventRecord, { cluster, member, type }: EventFilter): boolean {
  return (
    (cluster === undefined || event.cluster === cluster || event.cluster === "") &&
    (member === undefined || event.member === member) &&
    (type === undefined ? !event.type.startsWith("audit.") : event.type === type || event.type.startsWith(`${type}.`))
  );
}
