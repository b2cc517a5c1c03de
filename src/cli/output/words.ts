/** Figures of the contract in words: lags, states with their tone, the commit rule as a sentence. */
import { formatMoment } from "../../contract/moment.ts";
import type { ClusterStatus, MemberStatus } from "../../contract/cluster.ts";
import { formatSize } from "../../contract/units.ts";
import type { Cell } from "./table.ts";

export function lagCell(bytes: number | null): Cell {
  if (bytes === null) return { text: "-" };
  return { text: formatSize(bytes), tone: bytes > 16 * 1024 * 1024 ? "warn" : "plain" };
}

export function clusterStateCell(state: ClusterStatus["state"]): Cell {
  switch (state) {
    case "healthy":
      return { text: state, tone: "good" };
    case "unavailable":
      return { text: state, tone: "bad" };
    case "stopped":
    case "asleep":
      return { text: state, tone: "dim" };
    default:
      return { text: state, tone: "warn" };
  }
}

export function memberStateCell(state: MemberStatus["state"]): Cell {
  switch (state) {
    case "running":
    case "streaming":
      return { text: state, tone: "good" };
    case "failed":
    case "unreachable":
      return { text: state, tone: "bad" };
    case "stopped":
      return { text: state, tone: "dim" };
    default:
      return { text: state, tone: "warn" };
  }
}

/** What a commit waits for. */
export function ruleWords({
  durability,
  rule,
  members,
}: Pick<ClusterStatus, "durability" | "rule" | "members">): string {
  const { voters, acks } = rule;
  // Nothing is missing that there should be.
  if (members.length === 1 && voters.length === 0) return "one member: a commit is on its disk, and nowhere else";
  if (durability === "async") return "async: a commit waits for nobody; a failover may lose the newest writes";
  if (voters.length === 0) {
    if (durability === "quorum")
      return "quorum, degraded: no standby acknowledges now, a commit is on the primary alone";
    return `${durability}: no standby acknowledges now`;
  }
  const names = voters.length === acks ? voters.join(" and ") : voters.join(", ");
  const whom = voters.length === acks ? names : `${acks} of ${names}`;
  return `${durability}: a commit waits until ${whom} ${voters.length === acks && acks > 1 ? "have" : "has"} flushed it`;
}

/** What an outage of the store means; undefined when there is none. */
export function storeWords({ reachable, since }: ClusterStatus["store"]): string | undefined {
  if (reachable) return undefined;
  const when = since === null ? "" : ` since ${formatMoment(Date.parse(since))}`;
  return `The store cannot be reached${when}: this is what was known last. A healthy primary goes on; nothing can be changed, and nobody fails over, until it is back.`;
}
