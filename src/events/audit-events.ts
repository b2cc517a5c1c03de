/**
 * The audit: every changing request that the API was sent by somebody it knows, and what became of it. A stream of its
 * own beside the clusters' events; listed by type `audit` alone.
 */
import { define } from "./kind.ts";

/** A type, and not an interface: only that fits an event's fields. */
export type AuditFields = Readonly<{
  /** `POST /v1/clusters/shop/switchover` */
  request: string;
  /** JSON of what was asked, without secrets */
  parameters: string;
  role: string;
  /** `socket`, `certificate` or `token` */
  via: string;
  /** address of the caller; null on this machine */
  from: string | null;
  status: number;
  /** from the catalog of errors; null when it was done */
  error: string | null;
}>;

export const auditEvents = {
  "audit.done": define<AuditFields>(
    "info",
    "Somebody asked for a change, and it was done or has begun.",
    (e) => `${e.request}${e.parameters === "" ? "" : ` ${e.parameters}`}`,
  ),
  "audit.refused": define<AuditFields>(
    "warning",
    "Somebody asked for a change that was refused; nothing was changed.",
    (e) => `${e.request} refused: ${e.error ?? e.status}`,
  ),
  "audit.failed": define<AuditFields>(
    "error",
    "Somebody asked for a change, and it failed or its outcome is not known.",
    (e) => `${e.request} failed: ${e.error ?? e.status}`,
  ),
} as const;
