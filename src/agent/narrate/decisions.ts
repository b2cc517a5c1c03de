/** Events from what a member decides: what it found wrong, and what it does about it. */
import type { Decision } from "../../core/decision.ts";
import { formatReason, type ReasonCode } from "../../core/reason.ts";
import type { MemberId } from "../../domain/cluster.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { ClusterLoop } from "../cluster-loop.ts";
import type { MemberLoop } from "../member-loop.ts";
import { nameOf } from "./records.ts";
import type { Teller } from "./teller.ts";

/** What is told of: a cluster's loop, and one of its members that this host looks after. */
export type ToldCluster = Pick<ClusterLoop, "name" | "record" | "clock"> &
  Partial<Pick<ClusterLoop, "members" | "remoteMembers">>;
export type ToldMember = Pick<MemberLoop, "id">;

const fencing: ReadonlySet<ReasonCode> = new Set([
  "superseded",
  "time-given-back",
  "lease-ended",
  "wrong-timeline",
  "given-up-by-operator",
]);

/** Votes take a moment to come together; only when they still do not suffice after this is it worth a word. */
const votesMissingMs = 2000;

/** Tells once that nobody can take over, when that has lasted. */
export class MissingVotes {
  readonly #since = new Map<string, number>();
  #told = false;

  decided(teller: Teller, loop: ToldCluster, member: ToldMember, { because }: Decision): void {
    if (because.code !== "votes-missing") {
      this.#since.delete(member.id);
      if (this.#since.size === 0) this.#told = false;
      return;
    }
    const now = loop.clock.now();
    const since = this.#since.get(member.id) ?? now;
    this.#since.set(member.id, since);
    if (this.#told || now - since < votesMissingMs) return;
    this.#told = true;
    const { epoch } = loop.record.reign.value;
    const once = nameOf(loop.record, `epoch/${epoch}/impossible`);
    teller.tellToo(once, "failover.impossible", { cluster: loop.name, epoch }, { missing: because.from });
  }
}

/** A standby that comes back a moment later is not worth an alarm. */
const writesWaitMs = 1000;

/** Tells once that writes wait, when that has lasted, and once that they are acknowledged again. */
export class Availability {
  #waitsSince: number | undefined;
  #told = false;
  #epoch: number | undefined;

  decided(events: EventLog, loop: ToldCluster, member: ToldMember, { because }: Decision): void {
    const { holder, epoch } = loop.record.reign.value;
    if (member.id !== holder) return;
    const about = { cluster: loop.name, member: member.id, epoch };
    if (epoch !== this.#epoch) this.#told ||= isToldUnavailable(events, loop.name);
    this.#epoch = epoch;
    const now = loop.clock.now();
    if (because.code === "writes-wait") {
      this.#waitsSince ??= now;
      if (this.#told || now - this.#waitsSince < writesWaitMs) return;
      this.#told = true;
      events.emit("cluster.unavailable", about, { reason: formatReason(because) });
    } else if (because.code === "serving") {
      const waited = this.#waitsSince === undefined ? {} : { durationMs: Math.round(now - this.#waitsSince) };
      if (this.#told) events.emit("cluster.available", { ...about, ...waited });
      this.#told = false;
      this.#waitsSince = undefined;
    }
  }
}

const remembered = 200;

/** The primary before may have been on another host, or under another agent. */
function isToldUnavailable(events: EventLog, cluster: string): boolean {
  const told = events.list({ cluster, limit: remembered });
  return told.findLast(({ type }) => /^cluster\.(un)?available$/.test(type))?.type === "cluster.unavailable";
}

/** Of one that is to follow a standby; the others follow whoever is primary, which is told anyway. */
function tellUpstream(events: EventLog, loop: ToldCluster, member: MemberId, now: MemberId): void {
  const upstream = loop.record.members[member]?.value.upstream;
  const about = { cluster: loop.name, member };
  if (upstream === undefined) return;
  if (upstream === now) events.emit("upstream.back", about, { upstream });
  else events.emit("upstream.lost", about, { upstream, now });
}

export function tellDecision(
  events: EventLog,
  loop: ToldCluster,
  member: ToldMember,
  decision: Decision,
  before: Decision | undefined,
): void {
  const { because } = decision;
  const about = { cluster: loop.name, member: member.id, epoch: loop.record.reign.value.epoch };
  const why = formatReason(because);
  // A rebuild that can begin at once names its cause only here.
  if (because.code === "cloning" || because.code === "rewinding")
    return because.why.code === before?.because.code || before?.because.code === "no-room-to-keep"
      ? undefined
      : tellDecision(events, loop, member, { ...decision, because: because.why }, before);
  if (fencing.has(because.code)) events.emit("primary.fenced", about, { reason: why });
  switch (because.code) {
    case "server-frozen":
      if (decision.actions.length > 0) events.emit("primary.frozen", about, { silent_ms: because.forMs });
      break;
    case "log-device-stuck":
      if (decision.actions.length > 0) events.emit("primary.stalled", about, { waiting_ms: because.forMs });
      break;
    case "standby-frozen":
      if (decision.actions.length > 0) events.emit("standby.frozen", about, { silent_ms: because.forMs });
      break;
    case "directory-damaged":
      events.emit("directory.damaged", about, { reason: "its server cannot be started from it" });
      break;
    case "wal-missing":
      events.emit("wal.lost", about, { upstream: because.upstream });
      break;
    case "re-pointing":
      tellUpstream(events, loop, member.id, because.upstream);
      break;
    case "switchover-given-up":
      events.emit("switchover.failed", about, { from: member.id, to: because.to ?? "any", reason: because.message });
      break;
    default:
      break;
  }
}
