/**
 * What outlives the agent of an interruption of writes that lasts: when it began, and when the cluster was last known to
 * take writes. Of this host alone. Called by the narrator, and read for the ledger of pauses. Never throws: on a full
 * disk a pause may be told shorter than it was, and what it tells of goes on.
 */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";

/** endpoint: it led to no primary; voters: commits waited for standbys */
export type PauseKind = "endpoint" | "voters";

export interface PauseMark {
  /** wall clock; null: never */
  readonly aliveAt: number | null;
  /** wall clock; null: nothing is interrupted */
  readonly since: number | null;
  readonly why: string;
  readonly by: string;
}

export interface OpenPause {
  readonly kind: PauseKind;
  readonly since: number;
  readonly why: string;
  readonly by: string;
}

const rowSchema = z.object({
  kind: z.enum(["endpoint", "voters"]),
  alive_at: z.int().nullable(),
  since: z.int().nullable(),
  why: z.string(),
  by: z.string(),
});

/** A cluster of the same name that was made later is another one. */
export function markName({ name, createdAt }: { readonly name: string; readonly createdAt: number }): string {
  return `${name}@${createdAt}`;
}

export class PauseMarks {
  readonly #database: DatabaseSync;
  readonly #onProblem: (problem: unknown) => void;

  constructor(database: DatabaseSync, onProblem: (problem: unknown) => void = () => undefined) {
    this.#database = database;
    this.#onProblem = onProblem;
  }

  of(cluster: string, kind: PauseKind): PauseMark | undefined {
    const row = this.#try(() => this.#database.prepare(oneSql).get(cluster, kind));
    const parsed = rowSchema.safeParse(row);
    if (!parsed.success) return undefined;
    const { alive_at: aliveAt, since, why, by } = parsed.data;
    return { aliveAt, since, why, by };
  }

  /** Interruptions that last. */
  open(cluster: string): readonly OpenPause[] {
    const rows = this.#try(() => this.#database.prepare(openSql).all(cluster)) ?? [];
    return rows.flatMap((row) => {
      const parsed = rowSchema.safeParse(row);
      if (!parsed.success || parsed.data.since === null) return [];
      const { kind, since, why, by } = parsed.data;
      return [{ kind, since, why, by }];
    });
  }

  alive(cluster: string, kind: PauseKind, at: number): void {
    this.#try(() => this.#database.prepare(aliveSql).run(cluster, kind, Math.round(at)));
  }

  begin(cluster: string, kind: PauseKind, since: number, { why, by }: Pick<PauseMark, "why" | "by">): void {
    this.#try(() => this.#database.prepare(beginSql).run(cluster, kind, Math.round(since), why, by));
  }

  end(cluster: string, kind: PauseKind, at: number): void {
    this.#try(() => this.#database.prepare(endSql).run(Math.round(at), cluster, kind));
  }

  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (problem) {
      this.#onProblem(problem);
      return undefined;
    }
  }
}

const oneSql = "SELECT kind, alive_at, since, why, by FROM pause_mark WHERE cluster = ? AND kind = ?";
const openSql = "SELECT kind, alive_at, since, why, by FROM pause_mark WHERE cluster = ? AND since IS NOT NULL";
const aliveSql = `
  INSERT INTO pause_mark (cluster, kind, alive_at) VALUES (?, ?, ?)
  ON CONFLICT (cluster, kind) DO UPDATE SET alive_at = excluded.alive_at`;
const beginSql = `
  INSERT INTO pause_mark (cluster, kind, since, why, by) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (cluster, kind) DO UPDATE SET since = excluded.since, why = excluded.why, by = excluded.by`;
const endSql = "UPDATE pause_mark SET since = NULL, alive_at = ? WHERE cluster = ? AND kind = ?";
