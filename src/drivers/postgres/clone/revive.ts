/**
 * Makes a server of its own out of a copy of another one: the log is replayed to its end, what tied it to its past is
 * cut (slots, subscriptions, passwords), and it gets a new identity. Called for a directory that nobody else uses, when
 * a cluster is made from a snapshot; the source is neither needed nor touched. Interrupted, it is done anew on a new
 * copy: a half revived directory may be anything.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { spawn, type ChildProcess } from "node:child_process";
import { chmod, chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../../errors/op-error.ts";
import { writeConfiguration, writeReplicationConf } from "../configuration/write.ts";
import { identityOf, serverEnvironment } from "../engine/environment.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { readControl, renewIdentity } from "../provision/control-file.ts";
import { newSystemIdentifier, renewSegments } from "../provision/create.ts";
import { closeGates } from "../server/import-gates.ts";
import { writeOwnedFile } from "../server/owned-files.ts";
import { identifier } from "../session/quote.ts";
import { Session } from "../session/session.ts";

export interface ReviveRequest {
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  readonly dataDirectory: string;
  /** those that the source ran with, or more: recovery refuses less */
  readonly settings: Readonly<Record<string, string>>;
  /** told how far the log has been replayed */
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface Revived {
  readonly systemIdentifier: bigint;
  /** the timeline that it goes on with, and those before it, oldest first */
  readonly timeline: number;
  /** of the newest transaction that came with the log; undefined when none did */
  readonly newestCommit: string | undefined;
  /** roles that could log in by a password and cannot any more */
  readonly withoutPassword: readonly string[];
  /** subscriptions that were cut off from where they came from */
  readonly subscriptions: readonly string[];
}

/** Replaying a day's log takes its time; a server that says nothing new for so long is stuck. */
const replayMs = 24 * 3_600_000;
const askMs = 60_000;
const pauseMs = 20;
const stopMs = 60_000;

/** Nobody but us may come in, and nothing may reach out or work in the background, before its past is cut off. */
const alone = {
  listen_addresses: "",
  archive_mode: "off",
  archive_command: "",
  restore_command: "false",
  max_logical_replication_workers: "0",
  shared_preload_libraries: "",
  autovacuum: "off",
  hot_standby: "off",
  logging_collector: "off",
  recovery_target_action: "promote",
};

/** @throws OpError clone-failed with the server's last words */
export async function revive(request: ReviveRequest): Promise<Revived> {
  const { dataDirectory, owner } = request;
  await cutFiles(dataDirectory);
  const target = await newestTimeline(dataDirectory);
  await writeOwnedFile(join(dataDirectory, "recovery.signal"), "", owner);
  const cut = await withServer(request, String(target), cutTies);
  const control = await readControl(dataDirectory);
  const systemIdentifier = newSystemIdentifier();
  await renewIdentity(dataDirectory, systemIdentifier, randomBytes(32));
  await renewSegments(dataDirectory, systemIdentifier);
  return { ...cut, systemIdentifier, timeline: control.timeline };
}

/** What a copy of a running server brings along and what would be taken for its own. */
async function cutFiles(dataDirectory: string): Promise<void> {
  const names = [
    "postmaster.pid",
    "postmaster.opts",
    "standby.signal",
    "recovery.signal",
    "promote",
    "postgresql.auto.conf",
  ];
  for (const name of names) await rm(join(dataDirectory, name), { force: true });
  await closeGates(dataDirectory);
  const slots = join(dataDirectory, "pg_replslot");
  for (const slot of await readdir(slots).catch(() => [])) await rm(join(slots, slot), { recursive: true });
}

/**
 * The newest that there is any log of. Histories of timelines that were only planned may lie there, too: recovery must
 * not go looking for their log, and what it promotes to is free to take their place.
 */
async function newestTimeline(dataDirectory: string): Promise<number> {
  const control = await readControl(dataDirectory);
  const wal = join(dataDirectory, "pg_wal");
  const names = await readdir(wal);
  const written = names
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .map((name) => Number.parseInt(name.slice(0, 8), 16));
  const newest = Math.max(control.timeline, control.minRecoveryTimeline, ...written);
  for (const name of names)
    if (/^[0-9A-F]{8}\.history$/.test(name) && Number.parseInt(name.slice(0, 8), 16) > newest)
      await rm(join(wal, name));
  return newest;
}

type Cut = Pick<Revived, "newestCommit" | "withoutPassword" | "subscriptions">;

/** A server of its own socket, for the time of `work`; it is shut down in order then. */
async function withServer(
  request: ReviveRequest,
  timeline: string,
  work: (open: (database: string) => Promise<Session>) => Promise<Cut>,
): Promise<Cut> {
  const { engine, owner, dataDirectory, settings, signal } = request;
  const socketDirectory = await mkdtemp(join(tmpdir(), "mrv-"));
  if (owner !== undefined) await chown(socketDirectory, owner.uid, owner.gid);
  await chmod(socketDirectory, 0o755);
  const target = { socketDirectory, port: 5432 };
  const all = { ...settings, ...alone, recovery_target_timeline: timeline };
  let child: ChildProcess | undefined;
  try {
    const places = { socketDirectory, logDirectory: "log", port: target.port, clusterName: "revived" };
    await writeConfiguration({ ...places, dataDirectory, owner, settings: all });
    const none = { primaryConninfo: "", primarySlotName: "", synchronousStandbyNames: "" };
    await writeReplicationConf(dataDirectory, none, owner);
    const server = new QuietServer(engine, owner, dataDirectory);
    child = server.child;
    await server.ready(target, request);
    const cut = await work((database) => Session.open(target, { withinMs: askMs, database }));
    await server.stop();
    return cut;
  } finally {
    if (child && child.exitCode === null && child.signalCode === null) child.kill("SIGQUIT");
    await rm(socketDirectory, { recursive: true, force: true });
    signal.throwIfAborted();
  }
}

/** A postmaster in the foreground, whose words are kept. */
class QuietServer {
  readonly child: ChildProcess;
  #said = "";
  #ended: Promise<unknown>;

  constructor(engine: Engine, owner: ServerOwner | undefined, dataDirectory: string) {
    this.child = spawn(join(engine.binDirectory, "postgres"), ["-D", dataDirectory], {
      ...identityOf(owner),
      env: serverEnvironment(engine),
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#ended = once(this.child, "exit");
    this.#ended.catch(() => undefined);
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said = (this.#said + text).slice(-4000);
    });
  }

  /** Until it has replayed all and takes writes. */
  async ready(
    target: { readonly socketDirectory: string; readonly port: number },
    { progress, signal }: Pick<ReviveRequest, "progress" | "signal">,
  ): Promise<void> {
    const end = performance.now() + replayMs;
    let told = "";
    while (performance.now() < end) {
      signal.throwIfAborted();
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw this.#failure();
      const state = await inRecovery(target);
      if (state === "no") return;
      const redo = /redo (?:in progress|starts)[^\n]*(?:LSN: |at )([0-9A-F/]+)/g;
      const at = [...this.#said.matchAll(redo)].at(-1)?.[1];
      if (at !== undefined && at !== told) progress(`replaying the log, at ${(told = at)}`);
      await sleep(pauseMs);
    }
    throw this.#failure();
  }

  async stop(): Promise<void> {
    this.child.kill("SIGINT");
    const late = sleep(stopMs, "late", { ref: false });
    if ((await Promise.race([this.#ended, late])) === "late" || this.child.exitCode !== 0) throw this.#failure();
  }

  #failure(): OpError {
    // Our own attempts to come in are answered with FATAL as well, until it is up.
    const lines = this.#said.split("\n").filter((line) => !line.includes("the database system is"));
    const words = lines.filter((line) => /FATAL|PANIC|ERROR|HINT|DETAIL/.test(line));
    const { exitCode, signalCode } = this.child;
    const end = signalCode ?? (exitCode === null ? "it still runs" : `exit code ${exitCode}`);
    return new OpError("clone-failed", {
      message: "the copy did not come up as a server",
      detail: `${end}; ${words.length === 0 ? lines.slice(-4).join(" ") : words.slice(-4).join(" ")}`,
    });
  }
}

async function inRecovery(target: { readonly socketDirectory: string; readonly port: number }): Promise<"no" | "yes"> {
  try {
    const session = await Session.open(target, { withinMs: 1000 });
    try {
      const [row] = await session.query("SELECT pg_catalog.pg_is_in_recovery()::text AS it", [], { withinMs: 1000 });
      return row?.["it"] === "false" ? "no" : "yes";
    } finally {
      session.destroy();
    }
  } catch {
    return "yes";
  }
}

async function cutTies(open: (database: string) => Promise<Session>): Promise<Cut> {
  const session = await open("postgres");
  try {
    const ask = async (sql: string): Promise<readonly string[]> =>
      (await session.query(sql, [], { withinMs: askMs })).map((row) => row["it"] ?? "");
    const slots = "SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_get_replication_slots()";
    await session.query(slots, [], { withinMs: askMs });
    const roles = await ask("SELECT rolname AS it FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL ORDER BY 1");
    for (const role of roles)
      await session.query(`ALTER ROLE ${identifier(role)} PASSWORD NULL`, [], { withinMs: askMs });
    const [newest = ""] = await ask("SELECT pg_catalog.pg_last_xact_replay_timestamp()::text AS it");
    const databases = await ask("SELECT datname AS it FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1");
    const subscriptions: string[] = [];
    for (const database of databases) subscriptions.push(...(await cutSubscriptions(open, database)));
    return { newestCommit: newest === "" ? undefined : newest, withoutPassword: roles, subscriptions };
  } finally {
    await session.close();
  }
}

/** Two that fetch from one slot take from each other; without a slot's name a drop needs nobody at the other end. */
async function cutSubscriptions(
  open: (database: string) => Promise<Session>,
  database: string,
): Promise<readonly string[]> {
  const session = await open(database);
  try {
    const own =
      "SELECT s.subname FROM pg_catalog.pg_subscription AS s JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid WHERE d.datname = $1";
    const names = (await session.query(own, [database], { withinMs: askMs })).map((row) => row["subname"] ?? "");
    for (const name of names) {
      await session.query(`ALTER SUBSCRIPTION ${identifier(name)} DISABLE`, [], { withinMs: askMs });
      await session.query(`ALTER SUBSCRIPTION ${identifier(name)} SET (slot_name = NONE)`, [], { withinMs: askMs });
    }
    return names;
  } finally {
    await session.close();
  }
}
