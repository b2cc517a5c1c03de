/**
 * Settings that a standby must not have lower than its primary (P10): with less it does not start, or stands still in
 * its replay. A member's own control file tells what the primary had that wrote the log which it has replayed.
 */
import type { MemberServerConfig } from "../port.ts";
import { readControl } from "../provision/control-file.ts";
import { askSettings } from "../session/observation.ts";
import type { Session } from "../session/session.ts";
import { standbyMinimums, type Settings } from "./defaults.ts";

/** Raised to what the primary had when it wrote the log that is to be replayed: with less the server ends at once. */
export async function withMinimums(settings: Settings, dataDirectory: string): Promise<Settings> {
  const minimums = await readMinimums(dataDirectory);
  const raised = standbyMinimums.flatMap((name) => {
    const least = minimums?.[name] ?? 0;
    return least > Number(settings[name] ?? builtIn[name]) ? [[name, String(least)] as const] : [];
  });
  return raised.length === 0 ? settings : { ...settings, ...Object.fromEntries(raised) };
}

/** Source: guc_parameters.dat (guc_tables.c). */
const builtIn: Readonly<Record<string, number>> = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

/** Of the primary that wrote the log which this directory has replayed last; undefined when it cannot be read. */
async function readMinimums(dataDirectory: string): Promise<Readonly<Record<string, number>> | undefined> {
  return (await readControl(dataDirectory).catch(() => undefined))?.minimums;
}

/** Of a standby whose replay is paused: whether the server itself did that, for lack of what the primary has. */
export async function isTooLow(
  session: Session,
  { dataDirectory }: Pick<MemberServerConfig, "dataDirectory">,
  withinMs: number,
): Promise<boolean> {
  const least = await readMinimums(dataDirectory);
  if (least === undefined) return false;
  const own = await askSettings(session, Object.keys(least), withinMs);
  return Object.entries(least).some(([name, value]) => Number(own[name] ?? value) < value);
}
