/** Events from what a member decides: what it found wrong, and what it does about it. */
import type { Decision } from "../../core/decision.ts";
import { formatReason, type ReasonCode } from "../../core/reason.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { ClusterLoop } from "../cluster-loop.ts";
import type { MemberLoop } from "../member-loop.ts";

const fencing: ReadonlySet<ReasonCode> = new Set(["superseded", "time-given-back", "lease-ended", "wrong-timeline", "given-up-by-operator"]);

export function tellDecision(events: EventLog, loop: ClusterLoop, member: MemberLoop, decision: Decision, before: Decision | undefined): void {
  const { because } = decision;
  const about = { cluster: loop.name, member: member.id, epoch: loop.record.reign.value.epoch };
  const why = formatReason(because);
  if (fencing.has(because.code)) events.emit("primary.fenced", about, { reason: why });
  switch (because.code) {
    case "server-frozen":
      events.emit("primary.frozen", about, { silent_ms: because.forMs });
      break;
    case "log-device-stuck":
      events.emit("primary.stalled", about, { waiting_ms: because.forMs });
      break;
    case "standby-frozen":
      if (decision.actions.length > 0) events.emit("standby.frozen", about, { silent_ms: because.forMs });
      break;
    case "directory-gone":
    case "no-directory":
      if (member.observed.kind === "absent" && before !== undefined) events.emit("directory.lost", about);
      break;
    case "directory-damaged":
      events.emit("directory.damaged", about, { reason: "its server cannot be started from it" });
      break;
    case "wal-missing":
      events.emit("wal.lost", about, { upstream: because.upstream });
      break;
    case "votes-missing":
      if (because.from.length > 0 && !loop.members.has(because.from[0] ?? "")) break;
      events.emit("failover.impossible", about, { missing: because.from });
      break;
    case "writes-wait":
      events.emit("cluster.unavailable", about, { reason: why });
      break;
    case "serving":
      if (before?.because.code === "writes-wait") events.emit("cluster.available", about);
      break;
    case "switchover-given-up":
      events.emit("switchover.failed", about, { from: member.id, to: because.to ?? "any", reason: because.message });
      break;
    default:
      break;
  }
}
