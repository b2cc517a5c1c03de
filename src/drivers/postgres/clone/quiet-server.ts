/**
 * A server that runs alone for the time of a copy's first start: on a socket of its own, without TCP, and without
 * anything that works in the background. Started and ended by `revive`; its words are kept to say what went wrong.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp } from "node:fs/promises";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { noteSockets, removeSockets, socketsPrefix } from "./left-server.ts";
import { OpError } from "../../../errors/op-error.ts";
import { writeConfiguration, writeReplicationConf } from "../configuration/write.ts";
import { identityOf, serverEnvironment } from "../engine/environment.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { Session } from "../session/session.ts";

export interface QuietRequest {
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  readonly dataDirectory: string;
  /** those that the source ran with, or more: recovery refuses less */
  readonly settings: Readonly<Record<string, string>>;
  /** of the server and all that it starts, 0 to 19: how much it lets others go first */
  readonly niceness: number;
  /** called now and then while it replays, with what it has said last */
  readonly watch: (said: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** A server that replays a log of days takes its time. */
const replayMs = 7 * 24 * 3_600_000;
const askMs = 60_000;
/** Its last checkpoint writes all that the replay has left in memory, to a disk that may be slow and busy. */
const stopMs = 3_600_000;
const killMs = 60_000;
const pauseMs = { first: 20, last: 500 };
const keptLetters = 16_000;
/** Where the settings let it say so. Source: postmaster.c. */
const readyWords = "database system is ready to accept connections";

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
  log_min_error_statement: "panic",
  log_statement: "none",
  recovery_target_action: "promote",
  // Nothing is kept of it before all of it is on disk: whoever keeps the copy brings the whole there, once.
  fsync: "off",
};

export type Open = (database: string) => Promise<Session>;

/** The server ended before it could be asked for anything. */
export class DidNotStart extends Error {
  readonly said: string;
  readonly failure: OpError;

  constructor(said: string, failure: OpError) {
    super(failure.message);
    this.said = said;
    this.failure = failure;
  }
}

/**
 * For the time of `work`; it is shut down in order then.
 * @param recovery what recovery goes by, beside the settings
 * @throws DidNotStart, and OpError clone-failed when it does not end in order
 */
export async function withQuietServer<T>(
  request: QuietRequest,
  recovery: Readonly<Record<string, string>>,
  work: (open: Open, said: () => string) => Promise<T>,
): Promise<T> {
  const { owner, dataDirectory, settings, signal } = request;
  const socketDirectory = await mkdtemp(join(tmpdir(), socketsPrefix));
  await noteSockets(dataDirectory, socketDirectory);
  if (owner !== undefined) await chown(socketDirectory, owner.uid, owner.gid);
  await chmod(socketDirectory, 0o755);
  const target = { socketDirectory, port: 5432 };
  let server: QuietServer | undefined;
  try {
    const places = { socketDirectory, logDirectory: "log", port: target.port, clusterName: "revived" };
    const all = { ...settings, ...alone, ...recovery };
    await writeConfiguration({ ...places, dataDirectory, owner, settings: all });
    const none = { primaryConninfo: "", primarySlotName: "", synchronousStandbyNames: "" };
    await writeReplicationConf(dataDirectory, none, owner);
    server = new QuietServer(request);
    await server.ready(target, request);
    const running = server;
    const result = await work(
      (database) => Session.open(target, { withinMs: askMs, database }),
      () => running.said,
    );
    await server.stop(signal);
    return result;
  } finally {
    await server?.end();
    await removeSockets(dataDirectory);
    signal.throwIfAborted();
  }
}

/** A postmaster in the foreground. */
class QuietServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #wake: () => void = () => undefined;
  said = "";

  constructor({ engine, owner, dataDirectory, niceness }: QuietRequest) {
    this.#child = spawn(join(engine.binDirectory, "postgres"), ["-D", dataDirectory], {
      ...identityOf(owner),
      env: serverEnvironment(engine),
      stdio: ["ignore", "ignore", "pipe"],
    });
    // Before it has started anything itself: what it starts is as nice.
    if (niceness > 0 && this.#child.pid !== undefined) setPriority(this.#child.pid, niceness);
    this.#ended = once(this.#child, "close");
    this.#ended.catch(() => undefined).finally(() => this.#wake());
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.said = (this.said + text).slice(-keptLetters);
      if (text.includes(readyWords)) this.#wake();
    });
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Until it has replayed what it was to replay, and takes writes. */
  async ready(
    target: { readonly socketDirectory: string; readonly port: number },
    request: QuietRequest,
  ): Promise<void> {
    const end = performance.now() + replayMs;
    for (let pause = pauseMs.first; performance.now() < end; pause = Math.min(pauseMs.last, pause * 1.2)) {
      request.signal.throwIfAborted();
      if (this.#isOver) {
        // Its last words may still be in the pipe.
        await this.#ended;
        throw new DidNotStart(this.said, this.#failure());
      }
      if (await takesWrites(target)) return;
      await request.watch(this.said);
      await this.#rest(pause);
    }
    throw this.#failure();
  }

  /** Until the next look, or until it says that it is time for one. */
  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#child.kill("SIGINT");
    const late = sleep(stopMs, "late", { ref: false, signal });
    if ((await Promise.race([this.#ended, late])) === "late") throw this.#failure("did not end in order");
    if (this.#child.exitCode !== 0) throw this.#failure("failed when it ended");
  }

  /** Hard, when it still runs: what was to become of it is removed. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill("SIGQUIT");
    const late = sleep(killMs, "late", { ref: false });
    if ((await Promise.race([this.#ended, late])) === "late") this.#child.kill("SIGKILL");
  }

  #failure(what = "did not come up"): OpError {
    // Our own attempts to come in are answered with FATAL as well, until it is up.
    const lines = this.said.split("\n").filter((line) => !line.includes("the database system is"));
    const words = lines.filter((line) => /FATAL|PANIC|ERROR|HINT|DETAIL/.test(line));
    const { exitCode, signalCode } = this.#child;
    const end = signalCode ?? (exitCode === null ? "it still runs" : `exit code ${exitCode}`);
    return new OpError("clone-failed", {
      message: `the copy's server ${what}`,
      detail: `${end}; ${words.length === 0 ? lines.slice(-4).join(" ") : words.slice(-4).join(" ")}`,
    });
  }
}

async function takesWrites(target: { readonly socketDirectory: string; readonly port: number }): Promise<boolean> {
  try {
    const session = await Session.open(target, { withinMs: 1000 });
    try {
      const [row] = await session.query("SELECT pg_catalog.pg_is_in_recovery()::text AS it", [], { withinMs: 1000 });
      return row?.["it"] === "false";
    } finally {
      session.destroy();
    }
  } catch {
    return false;
  }
}
