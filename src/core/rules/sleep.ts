/**
 * Scale to zero: a cluster that no client has used for as long as its `autostop` says stops its servers, and whoever
 * comes next wakes it. Asleep, nobody votes and nobody is elected, as after a stop by wish. Falling asleep takes two
 * records: after the first (dozing) every endpoint holds new clients, and only when each has said that it has none, and
 * every server has been asked once more, comes the second. A client that arrives in between takes the first one back
 * and is served, so nobody is cut off by sleep. Deleting the record wakes the cluster; anybody may, at any time.
 */
import type { ClusterRecord, MemberId } from "../../domain/cluster.ts";
import { serverOf } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import { holdsEpoch } from "../standing.ts";
import { sleepTxn, wakeTxn } from "../transactions.ts";
import type { Memory, View } from "../view.ts";

/** Endpoints that do not answer for so long will not; it is tried again after another idle time. */
const dozeMs = 10_000;

/** The serving primary's agent alone begins and ends a doze, under its own epoch. */
export const fallAsleep: Rule = (view) => {
  const { cluster, memory, now } = view;
  if (!servesHere(view)) return undefined;
  if (cluster.sleep) return doze(view);
  const { autostopMs } = cluster.spec.value;
  if (autostopMs === undefined || memory.idle === undefined) return undefined;
  const idleMs = now - memory.idle.since;
  if (idleMs < autostopMs) return undefined;
  const begun = { phase: "dozing", epoch: cluster.reign.value.epoch, since: view.wallNow } as const;
  return {
    actions: [{ kind: "record", what: "sleep", txn: sleepTxn(view, begun) }],
    because: { code: "dozes", idleMs },
  };
};

function doze(view: View): Decision | undefined {
  const { cluster, memory, now, timings } = view;
  const idleMs = now - (memory.idle?.since ?? now);
  if (!mayGoOn(view))
    return { actions: [{ kind: "record", what: "sleep", txn: wakeTxn(cluster) }], because: { code: "wakes" } };
  // Long enough that every server has been looked at since the last endpoint began to hold, and that was told.
  const dueAt = (memory.doze?.hushedAt ?? Infinity) + 1.5 * timings.tickMs;
  if (now < dueAt) return { actions: [], because: { code: "dozes", idleMs }, recheckAt: Math.min(dueAt, now + 1000) };
  const asleep = { phase: "asleep", epoch: cluster.reign.value.epoch, since: view.wallNow } as const;
  return {
    actions: [{ kind: "record", what: "sleep", txn: sleepTxn(view, asleep) }],
    because: { code: "falls-asleep", idleMs },
  };
}

function mayGoOn({ cluster, memory, now }: View): boolean {
  const { sleep, reign, spec } = cluster;
  if (memory.idle === undefined || memory.doze === undefined || spec.value.autostopMs === undefined) return false;
  return sleep?.value.epoch === reign.value.epoch && now - memory.doze.since < dozeMs;
}

function servesHere(view: View): boolean {
  const { server, cluster } = view;
  if (!holdsEpoch(view) || cluster.reign.value.phase !== "open") return false;
  return server.kind === "running" && server.role === "primary";
}

/** Brings what is remembered of clients and of the doze up to date; called by memory.ts before every decision. */
export function rememberSleep(view: View): Pick<Memory, "idle" | "doze"> {
  return { idle: idleSince(view), doze: dozing(view) };
}

/** Since when this holder has seen nobody; undefined while somebody is there, or when one cannot know. */
function idleSince(view: View): Memory["idle"] {
  const { cluster, memory, now } = view;
  if (cluster.spec.value.autostopMs === undefined || !servesHere(view) || isBusy(view)) return undefined;
  const marks = Object.keys(cluster.members).map((member) => markOf(view, member));
  if (marks.some((mark) => mark === undefined)) return undefined;
  const mark = marks.join(" ");
  const wasWoken = memory.doze !== undefined && cluster.sleep === undefined;
  return memory.idle?.mark === mark && !wasWoken ? memory.idle : { since: now, mark };
}

/** Something is under way, or waits to be done. */
function isBusy({ cluster, isWorkedOn }: View): boolean {
  const { spec, members, intent, pause } = cluster;
  const isAsWished = (member: MemberId): boolean =>
    spec.value.members.includes(member) && members[member]?.value.wish === "none";
  const asWished = Object.keys(members).every(isAsWished) && spec.value.members.every(isAsWished);
  return isWorkedOn || intent !== undefined || pause !== undefined || spec.value.wish !== "running" || !asWished;
}

/** Changes whenever a client has come, even one that has gone again; undefined: there is one, or it is not known. */
function markOf(view: View, member: MemberId): string | undefined {
  const server = serverOf(view, member);
  const peer = view.peers[member];
  const isHeard = member === view.self || (peer !== undefined && view.now - peer.heardAt <= view.timings.promiseMs);
  if (!server || !isHeard) return undefined;
  // A standby that is down has no clients, and its loss must not keep a cluster awake for ever.
  if (server.kind === "stopped") return `${member}:down`;
  if (server.kind !== "running" || server.clients === undefined || server.clients.connected > 0) return undefined;
  return `${member}:${server.since}:${server.clients.served}`;
}

/** The doze as this holder sees it: since when, and since when all endpoints have held and been empty. */
function dozing({ cluster, memory, now, hushed }: View): Memory["doze"] {
  const revision = dozeOf(cluster)?.revision;
  if (revision === undefined) return undefined;
  const known = memory.doze?.revision === revision ? memory.doze : { revision, since: now, hushedAt: undefined };
  return { ...known, hushedAt: hushed === revision ? (known.hushedAt ?? now) : undefined };
}

function dozeOf({ sleep }: ClusterRecord): ClusterRecord["sleep"] {
  return sleep?.value.phase === "dozing" ? sleep : undefined;
}
