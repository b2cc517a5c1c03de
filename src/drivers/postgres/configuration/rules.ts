/**
 * What the engine would take and the cluster would suffer from: settings judged together, against the member's memory
 * and against each other. Pure; called with what a server made of them (trial.ts).
 */
import type { ServerSetting } from "./trial.ts";
import { formatValue, magnitude } from "./values.ts";

export interface Judgement {
  /** these are refused */
  readonly problems: readonly string[];
  /** these are told */
  readonly warnings: readonly string[];
}

export interface MemberFacts {
  readonly memoryBytes: number;
  /** what there is now and must still find room */
  readonly inUse: { readonly preparedTransactions: number; readonly connections: number; readonly slots: number };
}

const mib = 1024 ** 2;

export function judgeTogether(settings: readonly ServerSetting[], facts: MemberFacts): Judgement {
  const rows = new Map(settings.map((setting) => [setting.name, setting]));
  const of = (name: string): number => {
    const row = rows.get(name);
    return row ? magnitude(row) : Number.NaN;
  };
  const word = (name: string): string | undefined => rows.get(name)?.setting;
  const said = (name: string): string => {
    const row = rows.get(name);
    return row ? `${name} (${formatValue(row)})` : name;
  };
  const { memoryBytes, inUse } = facts;
  const given = `${Math.round(memoryBytes / mib)} MB of memory that a member is given`;
  const reserved = of("superuser_reserved_connections") + (of("reserved_connections") || 0);
  const sorting = of("max_connections") * of("work_mem");
  return {
    problems: [
      ...when(
        of("shared_buffers") > memoryBytes * 0.8,
        `${said("shared_buffers")} leaves too little of the ${given}; a quarter is usual, four fifths the most`,
      ),
      ...when(
        reserved >= of("max_connections") - 5,
        `superuser_reserved_connections and reserved_connections (${reserved} together) leave too few of ${said("max_connections")} to others`,
      ),
      ...when(
        of("superuser_reserved_connections") < 3,
        `${said("superuser_reserved_connections")} must be at least 3: the agents need them when clients have taken all others`,
      ),
      ...when(
        of("wal_receiver_status_interval") <= 0,
        "wal_receiver_status_interval must not be 0: standbys would no longer acknowledge commits",
      ),
      ...when(
        word("log_min_messages") === "panic",
        "log_min_messages must let more than panic through: the agents read the log",
      ),
      ...when(
        of("min_wal_size") > of("max_wal_size"),
        `${said("min_wal_size")} must not be more than ${said("max_wal_size")}`,
      ),
      ...when(
        of("max_slot_wal_keep_size") < 0,
        "max_slot_wal_keep_size must have a bound: a standby that is lost would fill the disk",
      ),
      ...when(
        of("max_prepared_transactions") < inUse.preparedTransactions,
        `${said("max_prepared_transactions")} is less than the ${inUse.preparedTransactions} prepared transactions that there are; the server would not start`,
      ),
      ...when(
        of("max_replication_slots") <= inUse.slots,
        `${said("max_replication_slots")} leaves none free beside the ${inUse.slots} slots that there are`,
      ),
    ],
    warnings: [
      ...when(
        sorting > memoryBytes * 4,
        `${said("max_connections")} times ${said("work_mem")} is ${Math.round(sorting / mib)} MB, far more than the ${given}`,
      ),
      ...when(
        of("maintenance_work_mem") > memoryBytes / 2,
        `${said("maintenance_work_mem")} is more than half of the ${given}`,
      ),
      ...when(
        of("shared_buffers") > memoryBytes * 0.4 && of("shared_buffers") <= memoryBytes * 0.8,
        `${said("shared_buffers")} is more than two fifths of the ${given}`,
      ),
      ...when(
        of("max_parallel_workers") > of("max_worker_processes"),
        `${said("max_parallel_workers")} is more than ${said("max_worker_processes")}, which is what counts`,
      ),
      ...when(
        of("max_connections") < inUse.connections + reserved,
        `${inUse.connections} clients are connected now, more than ${said("max_connections")} lets in again`,
      ),
      ...when(
        of("wal_sender_timeout") === 0 || of("wal_receiver_timeout") === 0,
        "without wal_sender_timeout and wal_receiver_timeout a stream to a lost host is not noticed",
      ),
      ...when(
        of("max_standby_streaming_delay") < 0,
        "with max_standby_streaming_delay without a bound a query on a standby can hold a failover up for ever",
      ),
      ...when(
        of("transaction_timeout") > 0 && of("transaction_timeout") < 60_000,
        `${said("transaction_timeout")} also ends what the agents do in a transaction, a checkpoint for example`,
      ),
      ...when(
        word("autovacuum") === "off",
        "without autovacuum tables grow, and the server stops taking writes before transaction ids run out",
      ),
    ],
  };
}

function when(isSo: boolean, words: string): readonly string[] {
  return isSo ? [words] : [];
}
