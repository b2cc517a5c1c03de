/**
 * The user's own programs at the turns of a member's server: before and after start, promote, demote, stop. Those before
 * delay the turn at most by their limit; those after run beside everything else, one after another. Called around the
 * actions and looks of the loops. None can stop a turn: whatever becomes of a hook is an event and nothing more.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Action } from "../core/action.ts";
import { actsAsPrimary } from "../core/standing.ts";
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import { usualHookLimitsMs, type HookLimits, type HookName, type Turn } from "../domain/hook.ts";
import type { Server } from "../domain/server.ts";
import { findHook, type FoundHook } from "../drivers/hooks/find.ts";
import { lookAtHooks } from "../drivers/hooks/look.ts";
import { runHook } from "../drivers/hooks/run.ts";
import { identityOf } from "../drivers/postgres/engine/environment.ts";
import type { ServerOwner } from "../drivers/postgres/port.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Log } from "../log/log.ts";

export interface HookParts {
  /** `<home>/hooks` */
  readonly directory: string;
  /** those that were set */
  readonly limitsMs: HookLimits;
  readonly owner: ServerOwner | undefined;
  readonly events: Pick<EventLog, "emit">;
  readonly log: Log;
  socketDirectory(member: MemberId): string;
}

/** Where a hook is run for; the records as they are then. */
interface Place {
  readonly record: ClusterRecord;
  readonly member: MemberId;
  readonly role: Role;
}

type Role = "primary" | "standby";
type Standing = Role | "down";

interface Seen {
  readonly id: MemberId;
  readonly observed: Server;
}

interface Known {
  standing: Standing;
  role: Role | undefined;
  queued: number;
  last: Promise<void>;
}

const queuedMax = 16;

export class Hooks {
  readonly #parts: HookParts;
  readonly #known = new Map<string, Known>();
  readonly #ended = new AbortController();
  /** clusters that have heard what is wrong with the directory */
  readonly #told = new Set<string>();

  constructor(parts: HookParts) {
    this.#parts = parts;
  }

  /** @returns whether any was run: then time has passed since the decision */
  async before(record: ClusterRecord, { id, observed }: Seen, action: Action, signal: AbortSignal): Promise<boolean> {
    const turns = turnsOf(action, observed);
    if (turns.length === 0) return false;
    const primary = actsAsPrimary(observed) || action.kind === "promote";
    const toBe = action.kind === "start" && action.as === "primary";
    const usualMs = primary || toBe ? usualHookLimitsMs.primary : usualHookLimitsMs.other;
    const role = toBe || (primary && action.kind !== "promote") ? "primary" : "standby";
    // Shared by those that have no limit of their own.
    let leftMs = usualMs;
    let ran = false;
    for (const turn of turns) {
      const own = this.#parts.limitsMs[`before-${turn}`];
      const begun = performance.now();
      if (await this.#run(`before-${turn}`, { record, member: id, role }, own ?? leftMs, signal)) ran = true;
      if (own === undefined) leftMs = Math.max(1, leftMs - (performance.now() - begun));
    }
    return ran;
  }

  /** At every look; what has changed since the last one is what the hooks are told of. Returns at once. */
  look(record: ClusterRecord, { id, observed }: Seen): void {
    const standing = standingOf(record, id, observed);
    if (standing === undefined) return;
    const key = `${record.spec.value.name}/${id}`;
    const known = this.#known.get(key);
    if (known === undefined) {
      // A server that is taken over has not turned.
      const role = standing === "down" ? undefined : standing;
      this.#known.set(key, { standing, role, queued: 0, last: Promise.resolve() });
      void this.#tellProblems(record.spec.value.name);
      return;
    }
    for (const turn of turnsBetween(known, standing))
      this.#queue(known, `after-${turn}`, {
        record,
        member: id,
        role: standing === "down" ? (known.role ?? "standby") : standing,
      });
    known.standing = standing;
    if (standing !== "down") known.role = standing;
  }

  /** Once for each cluster: what lies there and will never run. */
  async #tellProblems(cluster: string): Promise<void> {
    if (this.#told.has(cluster)) return;
    this.#told.add(cluster);
    const { problems } = await lookAtHooks(this.#parts.directory);
    if (problems.length > 0) this.#parts.events.emit("hook.misplaced", { cluster }, { problems: problems.join("; ") });
  }

  /** The cluster is looked after no more. */
  forget(cluster: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${cluster}/`)) this.#known.delete(key);
  }

  close(): void {
    this.#ended.abort();
  }

  #queue(known: Known, hook: HookName, place: Place): void {
    if (known.queued >= queuedMax) return this.#refused(hook, place, `${queuedMax} others wait to be run`);
    known.queued += 1;
    known.last = known.last.then(async () => {
      await this.#run(hook, place, this.#parts.limitsMs[hook] ?? usualHookLimitsMs.other, this.#ended.signal);
      known.queued -= 1;
    });
  }

  /** Never throws. @returns whether there was one to run */
  async #run(hook: HookName, place: Place, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { directory, owner, events, log } = this.#parts;
    const found = await Promise.race([findHook(directory, hook), tooLate(limitMs)]);
    if (found.kind === "refused") this.#refused(hook, place, found.reason);
    if (found.kind !== "found") return false;
    const { member } = place;
    const cluster = place.record.spec.value.name;
    const begun = performance.now();
    const { failure, output } = await runHook({
      path: found.path,
      environment: this.#environment(hook, place),
      identity: identityOf(owner),
      limitMs,
      signal,
    }).catch((error: unknown) => ({ failure: String(error), output: "" }));
    const durationMs = performance.now() - begun;
    log.info("hook ended", { cluster, member, hook, took_ms: Math.round(durationMs), failure, output });
    if (failure !== undefined && !this.#ended.signal.aborted)
      events.emit("hook.failed", { cluster, member, durationMs }, { hook, reason: failure, output });
    return true;
  }

  #refused(hook: HookName, { record, member }: Place, reason: string): void {
    this.#parts.events.emit("hook.refused", { cluster: record.spec.value.name, member }, { hook, reason });
  }

  /** Nothing else of the agent's own environment: that could hold what is nobody's business. */
  #environment(hook: HookName, { record, member, role }: Place): Readonly<Record<string, string>> {
    const { epoch, timeline } = record.reign.value;
    const { host, region, port, dataDirectory } = record.members[member]?.value ?? {};
    return {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      HOME: this.#parts.owner?.home ?? process.env["HOME"] ?? "/",
      MATRIARCH_HOOK: hook,
      MATRIARCH_CLUSTER: record.spec.value.name,
      MATRIARCH_MEMBER: member,
      MATRIARCH_HOST: host ?? "",
      MATRIARCH_REGION: region ?? "",
      MATRIARCH_ROLE: role,
      MATRIARCH_EPOCH: String(epoch),
      MATRIARCH_TIMELINE: String(timeline),
      MATRIARCH_PORT: String(port ?? ""),
      MATRIARCH_SOCKET_DIRECTORY: this.#parts.socketDirectory(member),
      MATRIARCH_DATA_DIRECTORY: dataDirectory ?? "",
    };
  }
}

/** A disk that hangs must not keep a turn from happening. */
function tooLate(limitMs: number): Promise<FoundHook> {
  const reason = `it could not be looked at within ${limitMs / 1000} s`;
  return sleep(limitMs, { kind: "refused", reason } as const, { ref: false });
}

/** Fencing waits for nobody. */
function turnsOf(action: Action, observed: Server): readonly Turn[] {
  if (action.kind === "start" || action.kind === "promote") return [action.kind];
  if (action.kind !== "stop") return [];
  return actsAsPrimary(observed) ? ["demote", "stop"] : ["stop"];
}

/** Undefined while it is on its way from one to another, or nobody can tell. */
function standingOf(record: ClusterRecord, id: MemberId, server: Server): Standing | undefined {
  if (server.kind === "stopped" || server.kind === "absent") return "down";
  if (server.kind !== "running") return undefined;
  if (server.role === "standby") return "standby";
  const { holder, phase } = record.reign.value;
  return holder === id && phase === "open" ? "primary" : undefined;
}

function turnsBetween({ standing: before, role }: Known, now: Standing): readonly Turn[] {
  if (before === now) return [];
  if (now === "down") return ["stop"];
  const started: readonly Turn[] = before === "down" ? ["start"] : [];
  if (role === undefined || role === now) return started;
  return [...started, now === "primary" ? "promote" : "demote"];
}
