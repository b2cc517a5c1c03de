/**
 * The log of long changes: begun, told step by step, ended. It survives the agent: what was running stays visible as
 * running until the next agent resumes or fails it. It runs nothing itself.
 */
import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { OpError } from "../errors/op-error.ts";
import { redact, redactDeep } from "../log/redact.ts";
import type { OperationRecord, OperationState } from "./event.ts";
import { Listeners } from "./listeners.ts";

export interface NewOperation {
  readonly kind: string;
  readonly cluster: string;
  readonly by: string;
  readonly stepsTotal?: number;
  /** first step, for a person */
  readonly step?: string;
  /** refuse while another one runs on the cluster */
  readonly exclusive?: boolean;
}

export type OperationEnd =
  | { readonly state: "done"; readonly step?: string; readonly result?: Readonly<Record<string, unknown>> }
  | { readonly state: "failed" | "cancelled"; readonly error: unknown };

const keptMs = 7 * 86_400_000;

export class OperationLog {
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #listeners = new Listeners<OperationRecord>();

  /** `database` is made by event-file.ts. */
  constructor(database: DatabaseSync, options: { readonly now?: () => number }) {
    this.#database = database;
    this.#now = options.now ?? Date.now;
  }

  /** @throws OpError busy, when it is exclusive and another runs on the cluster */
  begin(operation: NewOperation): OperationRecord {
    const { kind, cluster, by, stepsTotal, step, exclusive } = operation;
    const running = exclusive ? this.list({ cluster, state: "running" })[0] : undefined;
    if (running) throw busy(running);
    this.#database.prepare("DELETE FROM operation WHERE ended_at < ?").run(this.#now() - keptMs);
    const id = randomUUID();
    this.#database
      .prepare(
        `INSERT INTO operation (id, kind, cluster, state, step, steps_done, steps_total, started_at, by)
         VALUES (?, ?, ?, 'running', ?, 0, ?, ?, ?)`,
      )
      .run(id, kind, cluster, step ?? "starting", stepsTotal ?? null, this.#now(), by);
    return this.#changed(id);
  }

  /** What it does now. `stepsDone` left out: one more than before. Ignored once it has ended. */
  step(id: string, step: string, stepsDone?: number): OperationRecord {
    this.#database
      .prepare(
        `UPDATE operation SET step = ?, steps_done = coalesce(?, steps_done + 1) WHERE id = ? AND state = 'running'`,
      )
      .run(redact(step), stepsDone ?? null, id);
    return this.#changed(id);
  }

  /** The first end counts; later ones are ignored. */
  finish(id: string, end: OperationEnd): OperationRecord {
    const result = end.state === "done" && end.result ? JSON.stringify(redactDeep(end.result)) : null;
    const error = end.state === "done" ? null : JSON.stringify(toError(end.error));
    const step = end.state === "done" ? (end.step ?? "done") : null;
    this.#database
      .prepare(
        `UPDATE operation
         SET state = ?, step = coalesce(?, step), steps_done = CASE WHEN ? = 'done' THEN coalesce(steps_total, steps_done) ELSE steps_done END,
             ended_at = ?, result = ?, error = ?
         WHERE id = ? AND state = 'running'`,
      )
      .run(end.state, step, end.state, this.#now(), result, error, id);
    return this.#changed(id);
  }

  /** @throws OpError operation-not-found */
  get(id: string): OperationRecord {
    const row = this.#database.prepare("SELECT * FROM operation WHERE id = ?").get(id);
    if (row !== undefined) return fromRow(row);
    throw new OpError("operation-not-found", {
      message: `there is no operation "${id}"`,
      detail: "Operations are kept for a week after their end.",
    });
  }

  /** Newest first. */
  list(filter: { readonly cluster?: string; readonly state?: OperationState } = {}): readonly OperationRecord[] {
    return this.#database
      .prepare(
        `SELECT * FROM operation WHERE (:cluster IS NULL OR cluster = :cluster) AND (:state IS NULL OR state = :state)
         ORDER BY started_at DESC, rowid DESC`,
      )
      .all({ cluster: filter.cluster ?? null, state: filter.state ?? null })
      .map((row) => fromRow(row));
  }

  /** Calls `changed` with each change of `id` (undefined: of any), until `signal` aborts. */
  subscribe(id: string | undefined, changed: (operation: OperationRecord) => void, signal: AbortSignal): void {
    this.#listeners.add((operation) => {
      if (id === undefined || operation.id === id) changed(operation);
    }, signal);
  }

  close(): void {
    this.#listeners.clear();
  }

  #changed(id: string): OperationRecord {
    const operation = this.get(id);
    this.#listeners.notify(operation);
    return operation;
  }
}

const time = z.int().transform((at) => new Date(at).toISOString());
const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  detail: z.string().optional(),
  hint: z.string().optional(),
});
const rowSchema = z.object({
  id: z.string(),
  kind: z.string(),
  cluster: z.string(),
  state: z.enum(["running", "done", "failed", "cancelled"]),
  step: z.string(),
  steps_done: z.int(),
  steps_total: z.int().nullable(),
  started_at: time,
  ended_at: time.nullable(),
  by: z.string(),
  result: z
    .string()
    .nullable()
    .transform((text) => (text === null ? null : z.record(z.string(), z.unknown()).parse(JSON.parse(text)))),
  error: z
    .string()
    .nullable()
    .transform((text) => (text === null ? null : errorSchema.parse(JSON.parse(text)))),
});

function fromRow(row: unknown): OperationRecord {
  return rowSchema.parse(row);
}

/** A defect is told as one; its stack belongs in the log. */
function toError(error: unknown): z.infer<typeof errorSchema> {
  if (!(error instanceof OpError)) {
    return { code: "internal", message: redact(error instanceof Error ? error.message : String(error)) };
  }
  return {
    code: error.code,
    message: redact(error.message),
    ...(error.detail === undefined ? {} : { detail: redact(error.detail) }),
    ...(error.hint === undefined ? {} : { hint: redact(error.hint) }),
  };
}

function busy(running: OperationRecord): OpError {
  return new OpError("busy", {
    message: `cluster "${running.cluster}" is busy: ${running.kind} is under way`,
    detail: `It was begun by "${running.by}" and is at: ${running.step}.`,
    hint: "Wait for its end and try again.",
  });
}
