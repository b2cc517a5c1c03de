/**
 * What an event and an operation look like, as they are kept, served by the API and printed by the command line: the
 * words of the contract (contract/cluster.ts), field by field.
 */

export type EventLevel = "info" | "warning" | "error";

export interface EventRecord {
  /** the order in which this host came to know of it */
  readonly id: number;
  /** ISO 8601 */
  readonly at: string;
  /** "" for what concerns the whole installation */
  readonly cluster: string;
  readonly member: string | null;
  readonly type: string;
  readonly level: EventLevel;
  /** in the user's words */
  readonly message: string;
  readonly cause: string | null;
  /** a user's name, or "matriarch" */
  readonly actor: string;
  readonly duration_ms: number | null;
  readonly epoch: number | null;
  readonly details: Record<string, unknown>;
  /** which told it; null in an installation of one host */
  readonly host: string | null;
}

export type OperationState = "running" | "done" | "failed" | "cancelled";

export interface OperationError {
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

export interface OperationRecord {
  readonly id: string;
  readonly kind: string;
  readonly cluster: string;
  readonly state: OperationState;
  readonly step: string;
  readonly steps_done: number;
  readonly steps_total: number | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly by: string;
  readonly result: Record<string, unknown> | null;
  readonly error: OperationError | null;
  /** whose agent follows it; null in an installation of one host */
  readonly host: string | null;
}
