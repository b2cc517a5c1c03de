/**
 * The process of one server: started apart from the agent so that it outlives it, adopted by the next agent, stopped,
 * fenced. Called by the member's server. Never starts a second server on a directory, and never wakes a frozen one:
 * it could acknowledge a write before it ends.
 */
import { spawn } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../../errors/op-error.ts";
import { identityOf, serverEnvironment } from "../engine/environment.ts";
import type { Engine, MemberServerConfig, StopOutcome } from "../port.ts";
import { until, unresponsive, type MonotonicClock } from "../session/deadline.ts";
import { memoryPriorityEnvironment, protectPostmaster } from "./memory-priority.ts";
import { makeOwnedDirectory, writeOwnedFile } from "./owned-files.ts";
import {
  commandsOf,
  isAlive,
  isDoomed,
  isFrozen,
  isPostmasterOf,
  processesOf,
  readPidFile,
  signal,
} from "./processes.ts";

/** How a process ended, as far as it is known. */
export interface PostmasterEnd {
  readonly at: number;
  /** we asked for it: no failure of the server */
  readonly wanted: boolean;
  readonly startedAt: number;
}

/** An immediate stop takes about 0.1 s; past this the processes are killed. */
const quitMs = 200;
const killMs = 15_000;
/** What the local archive needs for a file that it has begun. */
const commandMs = 250;
/** A process that was killed and waits in the kernel for so long waits for its disk. */
const doomedMs = 500;

export function startupLog(config: MemberServerConfig): string {
  return join(config.logDirectory, "startup.log");
}

export class Postmaster {
  #config: MemberServerConfig;
  readonly #clock: MonotonicClock;
  readonly #listeners: (() => void)[] = [];
  #pid: number | undefined;
  #startedAt = 0;
  #isWanted = false;
  #end: PostmasterEnd | undefined;
  /** rises with every fence, so that a start under way notices */
  #fences = 0;
  /** it was killed, and hangs in the kernel */
  #doomed: number | undefined;

  constructor(config: MemberServerConfig, clock: MonotonicClock) {
    this.#config = config;
    this.#clock = clock;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  get lastEnd(): PostmasterEnd | undefined {
    return this.#end;
  }

  get fences(): number {
    return this.#fences;
  }

  useEngine(engine: Engine): void {
    this.#config = { ...this.#config, engine };
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Looks whether the process is still there, or one is that nobody has told us of. @returns its pid */
  async find(): Promise<number | undefined> {
    if (this.#pid !== undefined) {
      if (isAlive(this.#pid)) return this.#pid;
      this.#ended(this.#pid);
    }
    const pid = await readPidFile(this.#config.dataDirectory);
    if (pid === undefined || pid === this.#doomed || this.#pid !== undefined) return this.#pid;
    if (!(await isPostmasterOf(pid, this.#config.dataDirectory))) return undefined;
    this.#pid = pid;
    this.#startedAt = this.#clock.now();
    this.#isWanted = false;
    return pid;
  }

  /**
   * Starts the server. `fences` is the count when the start was decided: a fence since then wins.
   * @throws OpError busy when it was fenced meanwhile
   */
  async start(fences: number): Promise<number> {
    const running = await this.find();
    if (running !== undefined) return running;
    await this.#clearLeftovers();
    const log = await this.#openLog();
    try {
      if (fences !== this.#fences) throw new OpError("busy", { message: "the server was fenced while it was started" });
      return this.#spawn(log.fd);
    } finally {
      await log.close();
    }
  }

  /** SIGINT: sessions end, walsenders flush what there is, a last checkpoint. */
  async stop(withinMs: number, then: "give-up" | "fence"): Promise<StopOutcome> {
    const pid = await this.find();
    if (pid === undefined) return "stopped";
    this.#isWanted = true;
    signal(pid, "SIGINT");
    const end = this.#clock.now() + withinMs;
    // A server waits for its archiver, and that for its command, which may hang for ever. What it had begun is done again.
    for (const waitMs of [Math.min(commandMs, withinMs / 2), withinMs / 2]) {
      if (await until(() => this.#isGone(pid), waitMs, 5)) return "stopped";
      for (const command of await commandsOf(this.#config.dataDirectory)) signal(command, "SIGTERM");
    }
    if (await until(() => this.#isGone(pid), end - this.#clock.now(), 5)) return "stopped";
    if (then === "give-up") return "still-running";
    await this.fence();
    return "fenced";
  }

  /**
   * Returns when the server can do nothing any more for anybody: its processes are gone, or have been killed and hang in
   * the kernel (a hung disk). Those are waited for before the directory is touched again.
   * @throws OpError server-unresponsive when a process survives even SIGKILL for long
   */
  async fence(): Promise<void> {
    this.#fences += 1;
    this.#isWanted = true;
    const pid = await this.find();
    if (pid !== undefined) {
      if (!isFrozen(pid)) {
        signal(pid, "SIGQUIT");
        await until(() => this.#isGone(pid), quitMs, 3);
      }
      signal(pid, "SIGKILL");
    }
    await this.#killAll("doomed");
  }

  /** What a server that has ended left behind is gone to its last process; one that runs is left alone. @throws OpError server-unresponsive (a hung disk) */
  async cleared(): Promise<void> {
    if ((await this.find()) === undefined) await this.#killAll("gone");
  }

  /** Settings are read again by the postmaster, which then tells every process of the server. */
  async reload(): Promise<void> {
    const pid = await this.find();
    if (pid !== undefined) signal(pid, "SIGHUP");
  }

  #isGone(pid: number): boolean {
    if (isAlive(pid)) return false;
    this.#ended(pid);
    return true;
  }

  async #killAll(until: "gone" | "doomed"): Promise<void> {
    const begun = this.#clock.now();
    for (;;) {
      const left = await processesOf(this.#config.dataDirectory);
      if (this.#pid !== undefined && !isAlive(this.#pid)) this.#ended(this.#pid);
      if (left.length === 0 && this.#pid === undefined) return;
      for (const pid of left) signal(pid, "SIGKILL");
      const forMs = this.#clock.now() - begun;
      if (until === "doomed" && forMs > doomedMs && left.every(isDoomed)) return this.#giveUp();
      if (forMs > killMs) throw unresponsive(`processes ${left.join(", ")} of the server do not end`);
      await sleep(3);
    }
  }

  /** Killed, and without an end that could be seen: for everybody else it is over. */
  #giveUp(): void {
    this.#doomed = this.#pid;
    if (this.#pid !== undefined) this.#ended(this.#pid);
  }

  /**
   * What a crash leaves behind and a start would stumble over: processes that outlived their postmaster (they keep the
   * shared memory block), and a pid file whose number now belongs to another process, after a reboot.
   */
  async #clearLeftovers(): Promise<void> {
    await this.#killAll("gone");
    const named = await readPidFile(this.#config.dataDirectory);
    if (named !== undefined && isAlive(named)) await rm(join(this.#config.dataDirectory, "postmaster.pid"));
  }

  async #openLog() {
    const { logDirectory, owner } = this.#config;
    await makeOwnedDirectory(logDirectory, owner);
    await writeOwnedFile(startupLog(this.#config), "", owner);
    return await open(startupLog(this.#config), "a");
  }

  #spawn(logFd: number): number {
    const { engine, owner, dataDirectory } = this.#config;
    // A session of its own: signals to the agent's terminal or group do not reach it.
    const child = spawn(join(engine.binDirectory, "postgres"), ["-D", dataDirectory], {
      cwd: dataDirectory,
      detached: true,
      env: { ...serverEnvironment(engine), ...memoryPriorityEnvironment },
      stdio: ["ignore", logFd, logFd],
      ...identityOf(owner),
    });
    const pid = child.pid;
    child.on("error", () => undefined);
    if (pid === undefined) throw new OpError("engine-failed", { message: "the postgres program could not be started" });
    protectPostmaster(pid);
    this.#config.launched?.(pid);
    child.unref();
    child.once("exit", () => this.#ended(pid));
    this.#pid = pid;
    this.#doomed = undefined;
    this.#startedAt = this.#clock.now();
    this.#isWanted = false;
    return pid;
  }

  #ended(pid: number): void {
    if (this.#pid !== pid) return;
    this.#pid = undefined;
    this.#end = { at: this.#clock.now(), wanted: this.#isWanted, startedAt: this.#startedAt };
    for (const listener of this.#listeners) listener();
  }
}
