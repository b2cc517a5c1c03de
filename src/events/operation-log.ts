/**
 * The log of long changes: begun, told step by step, ended. It survives the agent: what was running stays visible as
 * running until the next agent of its host resumes or fails it. It runs nothing itself. With several hosts one may begin
 * what another ends (journal.ts).
 */
import { randomUUID } from "node:crypto";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import { asFullDisk } from "../errors/full-disk.ts";
import { OpError } from "../errors/op-error.ts";
import { redact, redactDeep } from "../log/redact.ts";
import type { OperationRecord, OperationState } from "./event.ts";
import type { BegunRow, EndRow } from "./journal-row.ts";
import { Listeners } from "./listeners.ts";
import type { Sequence } from "./sequence.ts";

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

export interface OperationPage {
  readonly cluster?: string;
  readonly state?: OperationState;
  /** where the page before ended: of its last */
  readonly before?: { readonly at: number; readonly id: string };
  readonly limit: number;
}

export type OperationEnd =
  | { readonly state: "done"; readonly step?: string; readonly result?: Readonly<Record<string, unknown>> }
  | { readonly state: "failed" | "cancelled"; readonly error: unknown };

export interface OperationLogOptions {
  /** name of this host; left out in an installation of one host */
  readonly host?: string;
  readonly now?: () => number;
  /** a host that is not heard any more: what it had begun keeps nobody else from beginning */
  readonly isLost?: (host: string) => boolean;
  /** a line could not be written: to the log */
  readonly onProblem?: (problem: unknown) => void;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

const keptMs = 7 * 86_400_000;

/** Copies a member that goes on with its work. */
export const snapshotKind = "snapshot create";
export const backupKind = "backup create";
/** Restores as a test, and reads what is kept. */
export const proofKind = "restore test";
export const verifyKind = "backup verify";

const lookingOn: ReadonlySet<string> = new Set([snapshotKind, proofKind, verifyKind]);

export class OperationLog {
  /** "" in an installation of one host */
  readonly host: string;
  readonly #database: DatabaseSync;
  readonly #sequence: Sequence;
  readonly #now: () => number;
  readonly #isLost: (host: string) => boolean;
  readonly #onProblem: (problem: unknown) => void;
  readonly #listeners = new Listeners<OperationRecord>();
  /** Of operations whose end could not be written yet: a full disk must not leave them under way for ever. */
  readonly #unwritten = new Map<string, EndRow>();
  /** Nor may it hide what they do now, which is to wait for room. Of operations under way, until the next step is written. */
  readonly #unwrittenSteps = new Map<string, { readonly step: string; readonly steps_done: number }>();

  /** `database` is made by event-file.ts. */
  constructor(database: DatabaseSync, sequence: Sequence, options: OperationLogOptions) {
    this.host = options.host ?? "";
    this.#database = database;
    this.#sequence = sequence;
    this.#now = options.now ?? Date.now;
    this.#isLost = options.isLost ?? (() => false);
    this.#onProblem = options.onProblem ?? (() => undefined);
  }

  /** @throws OpError busy, when it is exclusive and another runs on the cluster, as far as it is known here */
  begin(operation: NewOperation): OperationRecord {
    const { kind, cluster, by, stepsTotal, step, exclusive } = operation;
    if (exclusive) this.refuseBusy(cluster);
    this.#forgetOld();
    const id = randomUUID();
    this.takeBegun({
      id,
      kind,
      cluster,
      by,
      step: step ?? "starting",
      steps_done: 0,
      steps_total: stepsTotal ?? null,
      started_at: this.#now(),
      host: this.host,
      seq: this.#sequence.next(),
    });
    this.tell(id);
    return this.get(id);
  }

  /** What it does now, by the host that began it. `stepsDone` left out: one more than before. Ignored once it has ended. */
  step(id: string, step: string, stepsDone?: number): OperationRecord {
    try {
      this.#database.prepare(stepSql).run(redact(step), stepsDone ?? null, this.#sequence.next(), id, this.host);
      this.#unwrittenSteps.delete(id);
    } catch (problem) {
      this.#onProblem(problem);
      this.#unwrittenSteps.set(id, { step: redact(step), steps_done: stepsDone ?? this.get(id).steps_done + 1 });
    }
    this.tell(id);
    return this.get(id);
  }

  /**
   * The first end counts; later ones are ignored. It may be told by a host that does not know the beginning yet: then it
   * is kept until it does. Never throws: what cannot be written now is remembered, and written later.
   */
  finish(id: string, end: OperationEnd): void {
    this.#unwrittenSteps.delete(id);
    const isNew = this.#keepEnd({
      id,
      state: end.state,
      step: end.state === "done" ? (end.step ?? "done") : null,
      ended_at: this.#now(),
      result: end.state === "done" && end.result ? JSON.stringify(redactDeep(end.result)) : null,
      error: end.state === "done" ? null : JSON.stringify(toError(end.error)),
      host: this.host,
      seq: this.#sequence.next(),
    });
    if (isNew) this.tell(id);
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  /** @throws OpError operation-not-found */
  get(id: string): OperationRecord {
    const operation = this.#find(id);
    if (operation) return operation;
    throw new OpError("operation-not-found", {
      message: `there is no operation "${id}"`,
      detail: "Operations are kept for a week after their end.",
    });
  }

  /** Newest first. `host`: those that this host's agent follows ("" in an installation of one host). */
  list(
    filter: { readonly cluster?: string; readonly state?: OperationState; readonly host?: string } = {},
  ): readonly OperationRecord[] {
    this.#writeEnds();
    const { cluster = null, host = null, state } = filter;
    const isAny = state === undefined || this.#unwritten.size > 0;
    return this.#database
      .prepare(
        `${selectSql} WHERE (:cluster IS NULL OR cluster = :cluster) AND (:host IS NULL OR operation_begun.host = :host)
           AND (:state IS NULL OR coalesce(operation_end.state, 'running') = :state)
         ORDER BY started_at DESC, operation_begun.rowid DESC`,
      )
      .all({ cluster, host, state: isAny ? null : state })
      .map((row) => this.#record(row))
      .filter((operation) => state === undefined || operation.state === state);
  }

  /** What is under way on a cluster, newest first. What a host had begun that is lost is in nobody's way. */
  underWay(cluster: string): readonly OperationRecord[] {
    return this.list({ cluster, state: "running" }).filter(
      ({ host }) => host === null || host === this.host || !this.#isLost(host),
    );
  }

  /** So many, newest first, begun before `before`. */
  page({ cluster, state, before, limit }: OperationPage): readonly OperationRecord[] {
    return this.#database
      .prepare(pageSql)
      .all({
        cluster: cluster ?? null,
        state: state ?? null,
        at: before?.at ?? null,
        id: before?.id ?? null,
        limit,
      })
      .map((row) => fromRow(row));
  }

  /** Calls `changed` with each change of `id` (undefined: of any), until `signal` aborts. */
  subscribe(id: string | undefined, changed: (operation: OperationRecord) => void, signal: AbortSignal): void {
    this.#listeners.add((operation) => {
      if (id === undefined || operation.id === id) changed(operation);
    }, signal);
  }

  /**
   * What the agent of a host began and alone follows ends with that host: called by the others when it is removed for
   * good. A wish in the store is fulfilled all the same; only nobody tells its end.
   */
  interrupt(host: string): readonly OperationRecord[] {
    const left = this.list({ state: "running", host });
    for (const { id, kind, cluster } of left)
      this.finish(id, { state: "failed", error: followerGone(kind, cluster, host) });
    return left;
  }

  /** A beginning, or a later step of it. @returns whether it is news */
  takeBegun(row: BegunRow): boolean {
    return this.#database.prepare(begunSql).run({ ...row }).changes > 0;
  }

  /** An end; of two that hosts told of the same, all hosts keep the same. @returns whether it is news */
  takeEnd(row: EndRow): boolean {
    return this.#database.prepare(endSql).run({ ...row }).changes > 0;
  }

  /** To whoever follows it, what has changed; nothing while its beginning is not known here. */
  tell(id: string): void {
    const operation = this.#find(id);
    if (operation) this.#listeners.notify(operation);
  }

  close(): void {
    this.#listeners.clear();
  }

  #keepEnd(row: EndRow): boolean {
    if (this.#unwritten.has(row.id)) return false;
    try {
      return this.takeEnd(row);
    } catch (problem) {
      this.#onProblem(problem);
      this.#unwritten.set(row.id, row);
      return true;
    }
  }

  #writeEnds(): void {
    try {
      for (const [id, row] of this.#unwritten) {
        this.takeEnd(row);
        this.#unwritten.delete(id);
      }
    } catch {
      // told when it was met first
    }
  }

  #find(id: string): OperationRecord | undefined {
    const row = this.#database.prepare(`${selectSql} WHERE operation_begun.id = ?`).get(id);
    return row === undefined ? undefined : this.#record(row);
  }

  #record(row: Row): OperationRecord {
    const id = String(row["id"]);
    if (row["state"] !== "running") return fromRow(row);
    const end = this.#unwritten.get(id);
    if (!end) return fromRow({ ...row, ...this.#unwrittenSteps.get(id) });
    const done = end.state === "done" && row["steps_total"] !== null ? { steps_done: row["steps_total"] } : {};
    return fromRow({ ...row, ...end, ...done, step: end.step ?? row["step"], host: row["host"] });
  }

  /**
   * Asked before it is looked whether the cluster is well: one that is worked on seldom is, and that is no reason.
   * @throws OpError busy, as `begin` does
   */
  refuseBusy(cluster: string): void {
    // To look on is to be in nobody's way.
    const running = this.underWay(cluster).find(({ kind }) => !lookingOn.has(kind));
    if (running) throw busy(running);
  }

  #forgetOld(): void {
    const before = this.#now() - keptMs;
    this.#database
      .prepare("DELETE FROM operation_begun WHERE id IN (SELECT id FROM operation_end WHERE ended_at < ?)")
      .run(before);
    this.#database.prepare("DELETE FROM operation_end WHERE ended_at < ?").run(before);
  }
}

const selectSql = `
  SELECT operation_begun.id, kind, cluster, coalesce(state, 'running') AS state,
    coalesce(operation_end.step, operation_begun.step) AS step,
    CASE WHEN state = 'done' THEN coalesce(steps_total, steps_done) ELSE steps_done END AS steps_done,
    steps_total, started_at, ended_at, by, result, error, operation_begun.host AS host
  FROM operation_begun LEFT JOIN operation_end ON operation_end.id = operation_begun.id`;

const pageSql = `${selectSql}
  WHERE (:cluster IS NULL OR cluster = :cluster) AND (:state IS NULL OR coalesce(operation_end.state, 'running') = :state)
    AND (:id IS NULL OR (started_at, operation_begun.id) < (:at, :id))
  ORDER BY started_at DESC, operation_begun.id DESC LIMIT :limit`;

const stepSql = `
  UPDATE operation_begun SET step = ?, steps_done = coalesce(?, steps_done + 1), seq = ?
  WHERE id = ? AND host = ? AND id NOT IN (SELECT id FROM operation_end)`;

/** Only the host that began it writes it: its later number is the newer state. */
const begunSql = `
  INSERT INTO operation_begun (id, host, seq, kind, cluster, step, steps_done, steps_total, started_at, by)
  VALUES (:id, :host, :seq, :kind, :cluster, :step, :steps_done, :steps_total, :started_at, :by)
  ON CONFLICT (id) DO UPDATE SET step = excluded.step, steps_done = excluded.steps_done, seq = excluded.seq
    WHERE excluded.host = host AND excluded.seq > seq`;

/** The host that carried it out knows best that it is done; otherwise the first end counts. */
const endSql = `
  INSERT INTO operation_end (id, host, seq, state, step, ended_at, result, error)
  VALUES (:id, :host, :seq, :state, :step, :ended_at, :result, :error)
  ON CONFLICT (id) DO UPDATE SET host = excluded.host, seq = excluded.seq, state = excluded.state, step = excluded.step,
    ended_at = excluded.ended_at, result = excluded.result, error = excluded.error
    WHERE excluded.host <> host
      AND (state <> 'done', ended_at, host) > (excluded.state <> 'done', excluded.ended_at, excluded.host)`;

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
  host: z.string().transform((host) => (host === "" ? null : host)),
});

function fromRow(row: unknown): OperationRecord {
  return rowSchema.parse(row);
}

/** A defect is told as one; its stack belongs in the log. */
function toError(thrown: unknown): z.infer<typeof errorSchema> {
  const error = asFullDisk(thrown) ?? thrown;
  if (!(error instanceof OpError))
    return { code: "internal", message: redact(error instanceof Error ? error.message : String(error)) };
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

function followerGone(kind: string, cluster: string, host: string): OpError {
  return new OpError("interrupted", {
    message: `host "${host}", which followed the ${kind} of cluster "${cluster}", is gone`,
    detail: "What had been asked for by then may be carried out all the same.",
    hint: `See: matriarch status ${cluster}`,
  });
}
