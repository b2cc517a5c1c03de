/** What people have open on the primary that its turn would cut, each in a sentence that says what to type. */
import {
  askOpenWork,
  type LongTransaction,
  type PreparedTransaction,
} from "../../drivers/postgres/upgrade/sessions.ts";
import { primaryTarget } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";

/** A transaction that is younger ends soon, or is cut as at any switchover. */
const longSeconds = 15;

export async function blockers(parts: Parts, name: string): Promise<readonly string[]> {
  const { transactions, prepared } = await askOpenWork(await primaryTarget(parts, name), longSeconds);
  return [...transactions.map(describeLong), ...prepared.map(describePrepared)];
}

function describeLong({ pid, user, database, application, forSeconds, isIdle }: LongTransaction): string {
  const by = application === "" ? "" : `, by ${application}`;
  const what = isIdle ? "is idle in a transaction" : "has a transaction open";
  return `pid ${pid} (user "${user}", database "${database}"${by}) ${what} since ${age(forSeconds)}: SELECT pg_terminate_backend(${pid}) ends it`;
}

function describePrepared({ name, database, owner, forSeconds }: PreparedTransaction): string {
  return `transaction "${name}" of "${owner}" in database "${database}" is prepared since ${age(forSeconds)}: COMMIT PREPARED or ROLLBACK PREPARED ends it`;
}

function age(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
