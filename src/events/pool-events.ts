/** Events about the pooled endpoint. See catalog.ts. */
import { count, define, lasted } from "./kind.ts";

export const poolEvents = {
  "pool.on": define<{ port: number; mode: string }>(
    "info",
    "The cluster has a pooled endpoint, on every host that has PgBouncer.",
    (e) => `pooled endpoint on at port ${e.port}, mode ${e.mode}`,
  ),
  "pool.off": define(
    "info",
    "The pooled endpoint was taken away; its port stays reserved.",
    () => "pooled endpoint off",
  ),
  "pool.changed": define<{ changes: string }>(
    "info",
    "The pooled endpoint works with other settings. Clients noticed nothing.",
    (e) => `pooled endpoint changed: ${e.changes}`,
  ),
  "pool.restarted": define<{ pid: number; reason: string }>(
    "warning",
    "The pooler of this host had ended or answered nothing, and was started again. Its clients were cut off and can connect again at once.",
    (e) => `pooler started again: ${e.reason}`,
  ),
  "pool.failed": define<{ reason: string }>(
    "error",
    "The pooler of this host cannot be started: the pooled endpoint refuses here. It is tried again by itself; the other endpoints serve.",
    (e) => `pooler cannot be started: ${e.reason}`,
  ),
  "pool.late": define<{ open: number; waited_ms: number }>(
    "warning",
    "Before the primary stopped in order, transactions through the pooled endpoint were given time to end, and some took longer. They got an error; nobody else did.",
    (e) =>
      `${count(e.open, "transaction", "transactions")} through the pooled endpoint had not ended after ${lasted(e.waited_ms)} and had to be cut off`,
  ),
};
