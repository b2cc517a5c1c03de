/**
 * Keeps the members' servers of this host to what their clusters give them, where this machine has groups for it, and
 * knows what they use. Told by the clusters' loops of every server that they see, and by the postmaster's keeper of one
 * that it has just started. Where nothing can be limited it says so once and gets in nobody's way.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterSpec, MemberId } from "../domain/cluster.ts";
import type { Groups, GroupUse, Limit, Obstacle } from "../drivers/limits/port.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "../log/log.ts";

/** What a person is told of one member. */
export interface LimitLook {
  /** in force now; null for none */
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  /** memory that its processes hold; null where nobody counts */
  readonly heldBytes: number | null;
  /** asked for and not in force, and what to do */
  readonly problem?: Obstacle;
}

export interface MemberLimitsParts {
  readonly groups: Groups | Obstacle;
  readonly events: Pick<EventLog, "emit">;
  readonly log: Log;
  readonly clock: Clock;
}

type LimitedSpec = Pick<ClusterSpec, "name" | "limited" | "memoryBytes" | "cpus">;

export interface ServerSeen {
  readonly pid: number | undefined;
  /** it runs with the settings that it should have: with those for more memory it would outgrow a smaller limit later */
  readonly isAsAsked: boolean;
}

interface Kept {
  readonly cluster: string;
  limit: Limit;
  /** its postmaster; undefined while there is none */
  pid: number | undefined;
  /** as far as it has been seen to */
  admitted: number | undefined;
  inForce: Limit | undefined;
  use: GroupUse | undefined;
  /** a group was looked for, and made if there is to be one */
  isKnown: boolean;
  /** with the settings that it should have; undefined: not */
  asAskedSince: number | undefined;
  problem: Obstacle | undefined;
}

const pollMs = 1000;
const removeTries = 60;
const settledMs = 2000;
const none: Limit = { memoryBytes: undefined, cpus: undefined };
const shrinking: Obstacle = {
  why: "the server still holds, or is set to use, more than it is given now",
  how: "It is limited as soon as it can do with it, after its restart at the latest.",
};

/** What the user has given is a limit; what Matriarch has chosen is for the tuning alone. */
export function limitOf({ limited, memoryBytes, cpus }: LimitedSpec): Limit {
  return {
    memoryBytes: limited?.memory === true ? memoryBytes : undefined,
    cpus: limited?.cpus === true ? cpus : undefined,
  };
}

export class MemberLimits {
  readonly #parts: MemberLimitsParts;
  readonly #kept = new Map<MemberId, Kept>();
  readonly #working = new Map<MemberId, Promise<void>>();
  #poll: NodeJS.Timeout | undefined;

  constructor(parts: MemberLimitsParts) {
    this.#parts = parts;
    if ("kind" in parts.groups) void parts.groups.sweep();
  }

  /** A server was seen, or is gone, or its cluster's spec has changed. Returns at once. */
  look(spec: LimitedSpec, member: MemberId, { pid, isAsAsked }: ServerSeen): void {
    const kept = this.#kept.get(member);
    // What is asked of the server a moment after its settings have changed may still be said of those from before.
    const now = this.#parts.clock.now();
    if (kept) kept.asAskedSince = isAsAsked ? (kept.asAskedSince ?? now) : undefined;
    this.#note(spec.name, member, limitOf(spec), pid);
  }

  /** A server has just been started. `spec` may be older than the one that was seen last. */
  launched(spec: LimitedSpec, member: MemberId, pid: number): void {
    const kept = this.#kept.get(member);
    const limit = kept?.limit ?? limitOf(spec);
    const { groups } = this.#parts;
    this.#note(spec.name, member, limit, pid);
    if (!("kind" in groups) || (isNone(limit) && kept?.use === undefined)) return;
    try {
      groups.launch(member, pid, limit);
      this.#noteAdmitted(member, pid);
    } catch {
      // Tried again by what `#note` has begun, which says why it does not work.
    }
  }

  #noteAdmitted(member: MemberId, pid: number): void {
    const kept = this.#kept.get(member);
    if (kept) kept.admitted = pid;
  }

  #note(cluster: string, member: MemberId, limit: Limit, pid: number | undefined): void {
    const kept = this.#kept.get(member);
    if (kept && kept.pid === pid && isSame(kept.limit, limit)) return;
    const hasEnded = kept?.pid !== undefined && kept.pid !== pid;
    if (kept) Object.assign(kept, { pid, limit });
    else this.#kept.set(member, newlyKept(cluster, limit, pid));
    this.#settleSoon(member, hasEnded);
  }

  /** The others of the cluster are gone, or the agent ends. A group that still has processes stays. */
  keepOnly(cluster: string, members: readonly MemberId[]): void {
    for (const [id, kept] of this.#kept) if (kept.cluster === cluster && !members.includes(id)) this.#forget(id, kept);
  }

  #forget(member: MemberId, kept: Kept): void {
    this.#kept.delete(member);
    const { groups } = this.#parts;
    if (kept.use === undefined || !("kind" in groups)) return;
    void this.#removeWhenEmpty(groups, member);
  }

  /** Its server is ended after its loop. One that goes on, for the agent alone ends, keeps its group. */
  async #removeWhenEmpty(groups: Groups, member: MemberId): Promise<void> {
    await this.#working.get(member);
    for (let n = 0; n < removeTries && !this.#kept.has(member); n += 1) {
      if (await groups.remove(member)) return;
      await sleep(pollMs, undefined, { ref: false });
    }
  }

  of(member: MemberId): LimitLook | undefined {
    const kept = this.#kept.get(member);
    if (!kept) return undefined;
    const { inForce = none, use, problem } = kept;
    return {
      memoryBytes: inForce.memoryBytes ?? null,
      cpus: inForce.cpus ?? null,
      heldBytes: kept.pid === undefined ? null : (use?.heldBytes ?? null),
      ...(problem && { problem }),
    };
  }

  close(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** One thing at a time for each member; the last word counts. */
  #settleSoon(member: MemberId, countFirst = false): void {
    const before = this.#working.get(member) ?? Promise.resolve();
    const work = before.then(async () => {
      const kept = this.#kept.get(member);
      if (!kept) return;
      if (countFirst) await this.#count(member, kept);
      await this.#settle(member, kept);
    });
    this.#working.set(member, work);
  }

  async #settle(member: MemberId, kept: Kept): Promise<void> {
    const { groups } = this.#parts;
    if (!("kind" in groups)) return this.#tell(member, kept, isNone(kept.limit) ? undefined : groups);
    const { limit, pid } = kept;
    try {
      if (!kept.isKnown) await this.#count(member, kept);
      // Nobody asked for a limit, and no group is left of an earlier one.
      if (isNone(limit) && kept.use === undefined) return this.#tell(member, kept, undefined);
      if (pid === undefined) return;
      if (kept.admitted !== pid) await groups.admit(member, pid);
      kept.admitted = pid;
      const isInForce = await groups.change(member, limit, this.#mayTake(kept));
      await this.#count(member, kept);
      kept.inForce = isInForce ? limit : { ...limit, memoryBytes: kept.use?.memoryLimitBytes };
      this.#tell(member, kept, isInForce ? undefined : shrinking);
    } catch (error) {
      // It has ended meanwhile, which is seen by its loop.
      if (isGone(error) || pid !== kept.pid) return;
      this.#parts.log.warn("server not limited", { member, error });
      this.#tell(member, kept, { why: messageOf(error), how: "It is tried again when the server starts next." });
    }
  }

  #mayTake({ asAskedSince }: Kept): boolean {
    return asAskedSince !== undefined && this.#parts.clock.now() - asAskedSince > settledMs;
  }

  /** What it uses now, and whether the kernel has ended any of its processes. */
  async #count(member: MemberId, kept: Kept): Promise<void> {
    const { groups } = this.#parts;
    if (!("kind" in groups)) return;
    const use = await groups.use(member);
    const killed = (use?.outOfMemoryKills ?? 0) - (kept.use?.outOfMemoryKills ?? 0);
    // What happened before this agent looked for the first time is an old story.
    if (kept.isKnown && use && killed > 0) this.#tellKilled(member, kept, use, killed);
    kept.isKnown = true;
    kept.use = use;
    if (use && this.#poll === undefined) this.#poll = setInterval(() => this.#pollAll(), pollMs);
  }

  #pollAll(): void {
    for (const [member, kept] of this.#kept) {
      if (kept.use === undefined) continue;
      if (kept.problem === shrinking) this.#settleSoon(member);
      else void this.#count(member, kept);
    }
  }

  #tellKilled(member: MemberId, { cluster, limit }: Kept, use: GroupUse, processes: number): void {
    const limitBytes = use.memoryLimitBytes ?? limit.memoryBytes ?? 0;
    this.#parts.events.emit("member.out-of-memory", { cluster, member }, { limit_bytes: limitBytes, processes });
  }

  #tell(member: MemberId, kept: Kept, problem: Obstacle | undefined): void {
    const before = kept.problem;
    kept.problem = problem;
    if (problem === undefined || problem === shrinking || before?.why === problem.why) return;
    this.#parts.events.emit("member.not-limited", { cluster: kept.cluster, member }, { reason: problem.why });
  }
}

function newlyKept(cluster: string, limit: Limit, pid: number | undefined): Kept {
  return {
    cluster,
    limit,
    pid,
    admitted: undefined,
    inForce: undefined,
    use: undefined,
    isKnown: false,
    asAskedSince: undefined,
    problem: undefined,
  };
}

function isSame(a: Limit, b: Limit): boolean {
  return a.memoryBytes === b.memoryBytes && a.cpus === b.cpus;
}

function isNone(limit: Limit): boolean {
  return isSame(limit, none);
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
