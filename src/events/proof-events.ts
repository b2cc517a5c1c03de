/** Events about test restores. See catalog.ts. */
import { define } from "./kind.ts";

export const proofEvents = {
  "proof.passed": define<{ base: string; restored_to: string; tables: number; rows: number }>(
    "info",
    "What is kept of the cluster was restored to a moment by chance, found whole, and removed again. It ends what proof.failed and proof.overdue told of.",
    (e) => `"${e.cluster}" was restored from ${e.base} to ${e.restored_to} as a test, and is whole`,
  ),
  "proof.failed": define<{ base: string; restored_to: string; problems: readonly string[] }>(
    "error",
    "A test restore did not come up, or is not what it should be. Take a new snapshot or a full backup now, then look after what is damaged. It is tried again after a day; proof.passed ends the trouble.",
    (e) => `the test restore of "${e.cluster}" from ${e.base} to ${e.restored_to} failed: ${e.problems.join("; ")}`,
  ),
  "proof.postponed": define<{ reason: string }>(
    "warning",
    "A test restore that is due was not made, or was given up, because it would have taken what the servers need, or because there is nothing to restore yet. It is tried again after an hour.",
    (e) => `the test restore of "${e.cluster}" was put off: ${e.reason}`,
  ),
  "proof.overdue": define(
    "error",
    "Twice the time between test restores has passed without one that passed: nobody knows whether the cluster can be restored. matriarch backup verify makes one now; proof.passed ends it.",
    (e) => `no test restore of "${e.cluster}" has passed for twice the time that it should take`,
  ),
  "proof.policy-changed": define<{ every_days: number; tables: readonly string[] }>(
    "info",
    "How often a test restore is made, or which tables' rows are counted for it, was changed.",
    (e) =>
      `"${e.cluster}" is restored as a test ${e.every_days === 0 ? "only when asked for" : e.every_days === 1 ? "every day" : `every ${e.every_days} days`}${e.tables.length === 0 ? "" : `; counted: ${e.tables.join(", ")}`}`,
  ),
} as const;
