/**
 * The guard as a process: adopted or started, told the hosts and the last feed, replaced at once when it dies, falls
 * silent or is of another version. Called by the agent through port.ts. What a guard was promised goes on to the one
 * after it, so that nobody notices the change.
 */
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { HostAddress } from "../../domain/host.ts";
import type { GuardReport, GuardRequest, GuardTimings, MemberFeed } from "../../guard/wire.ts";
import { ControlLink, type WithoutId } from "../process/control-link.ts";
import { KeptProcess } from "../process/kept-process.ts";
import { findOlder } from "../process/older.ts";
import type { Restart } from "../process/port.ts";
import type { Program } from "../process/program.ts";
import type { GuardDriver } from "./port.ts";

type GuardLink = ControlLink<WithoutId<GuardRequest>, GuardReport>;

const guardName = { name: "guard", unreachable: "guard-unreachable" } as const;
/**
 * A guard that was stopped is replaced while its promises last. One that is only slow is left alone for long: on a
 * machine that is so busy another one would come up still later.
 */
const patience = { everyMs: 200, answerMs: 300, missedMax: 10, endsStopped: true };
const feedMs = 500;

export interface GuardFiles {
  readonly home: string;
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** the program: guard.mjs of a build, or its source */
  readonly script: string;
  readonly version: string;
}

/** How this host's guard is started: small, and with everything of it in the home. */
export function guardProgram({ home, tls, script, version }: GuardFiles): Program {
  const serversPath = join(home, "guard.servers");
  return {
    command: process.execPath,
    args: [
      "--max-old-space-size=48",
      "--max-semi-space-size=1",
      script,
      tls.caFile,
      tls.certFile,
      tls.keyFile,
      serversPath,
    ],
    controlPath: join(home, "guard.sock"),
    logPath: join(home, "guard.log"),
    version,
  };
}

export function createGuardDriver(program: Program): GuardDriver {
  return new ProcessGuard(program);
}

class ProcessGuard implements GuardDriver {
  readonly #program: Program;
  readonly #process: KeptProcess<GuardLink>;
  readonly #listeners: ((report: GuardReport) => void)[] = [];
  #hosts: WithoutId<Extract<GuardRequest, { kind: "hosts" }>> | undefined;
  #fed: { readonly members: readonly MemberFeed[]; readonly at: number } | undefined;
  /** of the guard that is used, or of the one before it */
  #report: GuardReport | undefined;
  /** of a guard that was replaced: the next feed says what it was promised */
  #before: GuardReport | undefined;

  constructor(program: Program) {
    this.#program = program;
    this.#process = new KeptProcess<GuardLink>({
      ...guardName,
      program,
      patience,
      open: () => this.#open(program.controlPath),
      takeOver: async (running) => {
        this.#before = await running.request({ kind: "status" }).catch(() => undefined);
        await this.#process.end(running);
      },
      brief: (link) => this.#brief(link),
      askToEnd: (link) => link.request({ kind: "stop" }),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    if (this.pid === undefined) await this.#endStrays();
    return this.#process.ensure();
  }

  async feed(members: readonly MemberFeed[], at: number): Promise<void> {
    this.#fed = { members, at };
    const before = this.#before;
    const told = before ? members.map((member) => withPromises(member, before)) : members;
    await this.#process.tell((link) => link.request({ kind: "feed", at, members: told }, feedMs));
    if (members.length > 0 && this.#before === before) this.#before = undefined;
  }

  async hosts(hosts: readonly HostAddress[], timings: GuardTimings): Promise<void> {
    const request = { kind: "hosts", hosts, timings } as const;
    this.#hosts = request;
    await this.#process.tell((link) => link.request(request));
  }

  async release(cluster: string, epoch: number): Promise<void> {
    await this.#process.tell((link) => link.request({ kind: "release", cluster, epoch }, feedMs));
  }

  onReport(listener: (report: GuardReport) => void): void {
    this.#listeners.push(listener);
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#process.onRestart(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#process.onFailure(listener);
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  #open(path: string): Promise<GuardLink | undefined> {
    return ControlLink.open({ path, ...guardName, unasked: (said) => this.#hear(said) });
  }

  #hear(said: unknown): void {
    if (!isReport(said)) return;
    this.#report = said;
    for (const listener of this.#listeners) listener(said);
  }

  /** The hosts first: a feed makes it send heartbeats at once. */
  async #brief(link: GuardLink): Promise<void> {
    if (this.#hosts) await link.request(this.#hosts);
    const before = this.#report;
    if (!this.#fed) return;
    const { members, at } = this.#fed;
    const told = before ? members.map((member) => withPromises(member, before)) : members;
    await link.request({ kind: "feed", at, members: told });
  }

  /** Guards that nobody uses any more, and the sockets of those that are gone: there must be one on a host. */
  async #endStrays(): Promise<void> {
    const { controlPath } = this.#program;
    const running = await this.#open(controlPath);
    running?.close();
    for (const stray of await findOlder(controlPath, [running?.pid], (path) => this.#open(path)))
      await this.#process.end(stray);
    if (!running) await unlink(controlPath).catch(() => undefined);
  }
}

/** What a guard was promised for the same epoch is as good for the guard after it: both read one clock. */
function withPromises(feed: MemberFeed, report: GuardReport): MemberFeed {
  const known = report.members.find(({ cluster, member }) => cluster === feed.cluster && member === feed.member);
  if (!known || known.epoch !== feed.epoch) return feed;
  return { ...feed, held: [...feed.held, ...known.held] };
}

/** The guard is our own program, of a version that may differ: checked for shape, not in depth. */
function isReport(said: unknown): said is GuardReport {
  return typeof said === "object" && said !== null && "kind" in said && said.kind === "report" && "members" in said;
}
