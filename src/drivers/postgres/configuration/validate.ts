/**
 * Checks settings that a user gives before anything is changed: refuses those that Matriarch decides itself, and lets
 * the engine judge the rest. Called by the agent for `create --set` and for changed settings. Reports every problem at
 * once.
 */
import { OpError } from "../../../errors/op-error.ts";
import { tryTool } from "../engine/environment.ts";
import type { ServerOwner } from "../port.ts";
import type { Template } from "../provision/template.ts";
import type { Settings } from "./defaults.ts";

export interface ValidationContext {
  /** the engine judges, on the template's directory, which it only reads */
  readonly template: Template;
  readonly owner: ServerOwner | undefined;
  readonly signal: AbortSignal;
}

/** Decided here, each with what to do instead. A name that ends with `*` stands for all that begin so. */
const ownedSettings: Readonly<Record<string, string>> = {
  "listen_addresses": "clients reach the cluster through its endpoints",
  "port": "use --port for the endpoint",
  "unix_socket_*": "clients reach the cluster through its endpoints",
  "data_directory": "the agent places members",
  "config_file": "the agent writes the configuration",
  "hba_file": "the agent writes the configuration",
  "ident_file": "the agent writes the configuration",
  "include*": "the agent writes the configuration",
  "external_pid_file": "the agent watches the server itself",
  "cluster_name": "members are told apart by it",
  "primary_conninfo": "the agent decides who streams from whom",
  "primary_slot_name": "the agent decides who streams from whom",
  "synchronous_standby_names": "it follows from the cluster's durability",
  "synchronous_commit": "it follows from the cluster's durability; a session may still set it for itself",
  "synchronized_standby_slots": "the agent decides who streams from whom",
  "hot_standby": "standbys serve the read endpoint",
  "promote_trigger_file": "the agent promotes",
  "restore_command": "the agent decides where WAL comes from",
  "recovery_*": "the agent decides where recovery ends",
  "archive_*": "backups are set up by Matriarch",
  "wal_level": "replication needs it as it is",
  "wal_log_hints": "rejoining members need it as it is",
  "fsync": "it would lose acknowledged writes",
  "full_page_writes": "it would lose acknowledged writes",
  "restart_after_crash": "the agent decides what follows a crash",
  "allow_alter_system": "settings are kept for the whole cluster",
  "ssl*": "the endpoint ends TLS",
  "logging_collector": "the agent finds the log where it put it",
  "log_destination": "the agent finds the log where it put it",
  "log_directory": "the agent finds the log where it put it",
  "log_filename": "the agent finds the log where it put it",
  "lc_messages": "the agent reads the log",
  "log_truncate_on_rotation": "it keeps the log bounded",
  "log_rotation_age": "it keeps the log bounded",
  "log_rotation_size": "it keeps the log bounded",
  "zero_damaged_pages": "it would lose acknowledged writes",
  "ignore_*": "it would lose acknowledged writes",
};

/** Below these the members and the agent would not find room; the engine allows less. */
const leastValues: Readonly<Record<string, number>> = {
  max_connections: 20,
  max_wal_senders: 10,
  max_replication_slots: 10,
  max_worker_processes: 4,
};

export function badSettings(problems: readonly string[]): OpError {
  return new OpError("bad-value", {
    message: problems.length === 1 ? `bad setting: ${problems[0]}` : `${problems.length} settings cannot be used`,
    ...(problems.length > 1 && { detail: problems.join("\n") }),
  });
}

export interface Judged {
  /** each with its reason */
  readonly problems: readonly string[];
  /** those that nothing is said against; none where they do not go together */
  readonly good: Settings;
}

/** Each setting by itself. */
export async function judgeEach(settings: Settings, context: ValidationContext): Promise<Judged> {
  const problems: string[] = [];
  const asked: [string, string][] = [];
  for (const [name, value] of Object.entries(settings)) {
    const problem = refusal(name, value);
    if (problem === undefined) asked.push([name, value]);
    else problems.push(problem);
  }
  const answer = await askEngine(asked, context);
  return { problems: [...problems, ...answer.problems], good: answer.good };
}

function refusal(name: string, value: string): string | undefined {
  if (!/^[A-Za-z_][\w.$]*$/.test(name)) return `"${name}" is not the name of a setting`;
  if (value.includes("\0")) return `"${name}" has a zero byte in its value`;
  const owned = ownedBecause(name);
  if (owned !== undefined) return `"${name}" is decided by Matriarch: ${owned}`;
  const least = leastValues[name.toLowerCase()];
  return least !== undefined && Number(value) < least ? `"${name}" must be at least ${least}` : undefined;
}

/** Why users may not set it; undefined when they may. */
export function ownedBecause(name: string): string | undefined {
  const lower = name.toLowerCase();
  const owned = Object.keys(ownedSettings).find((pattern) =>
    pattern.endsWith("*") ? lower.startsWith(pattern.slice(0, -1)) : lower === pattern,
  );
  return owned === undefined ? undefined : ownedSettings[owned];
}

/** All in one call, which is what is needed nearly always; one by one only to say which are wrong. */
async function askEngine(asked: readonly [string, string][], context: ValidationContext): Promise<Judged> {
  const all = Object.fromEntries(asked);
  if (asked.length === 0 || (await complaint(asked, context)) === undefined) return { problems: [], good: all };
  const problems: string[] = [];
  const good: [string, string][] = [];
  for (const setting of asked) {
    const said = await complaint([setting], context);
    if (said === undefined) good.push(setting);
    else problems.push(said);
  }
  if (problems.length > 0) return { problems, good: Object.fromEntries(good) };
  return { problems: [`together: ${await complaint(asked, context)}`], good: {} };
}

/** What the server would say when started with these, or undefined. `-C` prints one setting instead of starting. */
async function complaint(
  settings: readonly [string, string][],
  { template, owner, signal }: ValidationContext,
): Promise<string | undefined> {
  const { engine, directory } = template;
  const options = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const args = ["-C", "server_version", "-D", directory, ...options];
  const result = await tryTool(engine, "postgres", args, { owner, signal, timeoutMs: 20_000 });
  return result.code === 0 ? undefined : readable(result.stderr);
}

/** `LOG:  invalid value for parameter "work_mem": "12x"` and its hint, without what a log adds. */
export function readable(stderr: string): string {
  const lines = stderr
    .split("\n")
    .map((line) => /(?:LOG|FATAL|ERROR|HINT|DETAIL):\s+(.*)$/.exec(line)?.[1])
    .filter((line) => line !== undefined);
  if (lines.length === 0) return stderr.trim();
  // A message has no full stop, its hint has one; ranges have two, which stay.
  return lines.map((line, at) => (at < lines.length - 1 ? line.replace(/\.$/, "") : line)).join(". ");
}
