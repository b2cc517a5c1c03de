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

export interface EventLogOptions {
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
}

export interface EventFilter {
  readonly cluster?: string;
  /** a type, or the beginning of several: `failover` means `failover.started` and its siblings */
  readonly type?: string;
  readonly member?: string;
}

export interface EventSelection extends EventFilter {
  readonly afterId?: number;
  /** the newest so many */
  readonly limit: number;
}

/** Nothing to give for a type whose sentence has no fields. */
type FieldArguments<T extends EventType> = string extends keyof FieldsOf<T> ? [] : [fields: FieldsOf<T>];

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
  readonly #unwritten: Omit<EventRecord, "id">[] = [];
  #untilPrune = 0;

  /** `database` is made by event-file.ts. */
  constructor(database: DatabaseSync, options: EventLogOptions) {
    this.#database = database;
    this.#insert = database.prepare(
      `INSERT INTO event (at, cluster, member, type, level, message, cause, actor, duration_ms, epoch, details)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#eventsMax = options.eventsMax ?? 100_000;
    this.#keptMs = (options.keptDays ?? 90) * dayMs;
    this.#now = options.now ?? Date.now;
    this.#onProblem = options.onProblem ?? (() => undefined);
  }

  /** Never throws. @returns the event's id; undefined when it could not be written */
  emit<T extends EventType>(type: T, about: EventContext, ...fields: FieldArguments<T>): number | undefined {
    try {
      this.#unwritten.push(toRecord(type, about, Object.assign({}, ...fields), this.#now()));
      if (this.#unwritten.length > unwrittenMax) this.#unwritten.shift();
      const id = this.#writeAll();
      this.#pruneNowAndThen();
      return id;
    } catch (problem) {
      this.#onProblem(problem);
      return undefined;
    }
  }

  /** Oldest first. */
  list(selection: EventSelection): readonly EventRecord[] {
    const { cluster, member, type, afterId = 0, limit } = selection;
    return this.#database
      .prepare(selectSql)
      .all({ after: afterId, cluster: cluster ?? null, member: member ?? null, type: type ?? null, limit })
      .map((row) => fromRow(row))
      .reverse();
  }

  /** Calls `happened` for each new event that fits, until `signal` aborts. */
  subscribe(filter: EventFilter, happened: (event: EventRecord) => void, signal: AbortSignal): void {
    this.#listeners.add((event) => {
      if (fits(event, filter)) happened(event);
    }, signal);
  }

  close(): void {
    this.#listeners.clear();
  }

  /** What could not be written before, because the disk was full, comes first. */
  #writeAll(): number | undefined {
    let id: number | undefined;
    for (let event = this.#unwritten[0]; event; event = this.#unwritten[0]) {
      const written = this.#write(event);
      this.#unwritten.shift();
      this.#listeners.notify(written);
      id = written.id;
    }
    return id;
  }

  #write(event: Omit<EventRecord, "id">): EventRecord {
    const { lastInsertRowid } = this.#insert.run(
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
    );
    return { id: Number(lastInsertRowid), ...event };
  }

  #pruneNowAndThen(): void {
    this.#untilPrune -= 1;
    if (this.#untilPrune > 0) return;
    this.#untilPrune = pruneEvery;
    this.#database.prepare("DELETE FROM event WHERE at < ?").run(this.#now() - this.#keptMs);
    this.#database.prepare("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?").run(this.#eventsMax);
  }
}

const selectSql = `
  SELECT * FROM event
  WHERE id > :after AND (:cluster IS NULL OR cluster IN (:cluster, '')) AND (:member IS NULL OR member = :member)
    AND (:type IS NULL OR type = :type OR substr(type, 1, length(:type) + 1) = :type || '.')
  ORDER BY id DESC LIMIT :limit`;

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
});

function fromRow(row: unknown): EventRecord {
  return rowSchema.parse(row);
}

function toRecord(
  type: EventType,
  about: EventContext,
  fields: Record<string, unknown>,
  now: number,
): Omit<EventRecord, "id"> {
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
    (type === undefined || event.type === type || event.type.startsWith(`${type}.`))
  );
}
