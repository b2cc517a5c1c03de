/**
 * The rolling restart, also onto a newer minor version: standbys first, one at a time, each until it streams again and
 * has caught up; the primary last. What does not come back stops it, and a member that does not start on another version
 * is put back on the one before. The primary's own turn is a switchover (switchover.ts), or a stop and a start in its
 * place where that pauses less, or where nobody could take over.
 */
import type { RestartIntent } from "../../domain/cluster.ts";
import { bytesBetween } from "../../domain/lsn.ts";
import { voterName } from "../../domain/rule.ts";
import { serverOf, switchoverLagBytesMax, type Verdict } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import { inPrimaryRegion } from "../regions.ts";
import { holdsEpoch, ownRecord, restartsPending } from "../standing.ts";
import { restartedTxn, stopRestartTxn, versionTxn } from "../transactions.ts";
import type { View } from "../view.ts";

/** From its stop to streaming again and caught up. A standby reads its log from its last checkpoint on at its start. */
const gateMs = 120_000;
/** How long the primary's turn waits for a standby that can take over: the last one has just come back. */
const targetMs = 30_000;
/**
 * Where standbys have just come up within this, the primary stops and starts where it is: no epoch has to be handed over
 * and nobody promoted, which takes longer (bench/results/restart.md).
 */
const quickStartMs = 200;
/** So many failed starts in a row are no accident. */
const failuresMax = { standby: 2, primary: 1 } as const;

function restartOf(view: View): RestartIntent | undefined {
  const intent = view.cluster.intent?.value;
  return intent?.kind === "restart" ? intent : undefined;
}

/** In place, before its standbys: they may not have less than it of what binds them. */
export function isPrimaryFirst(view: View): boolean {
  return restartOf(view)?.primaryFirst === true;
}

/** The version that this member is still to start with. */
function versionDue(view: View): string | undefined {
  const { upgrade } = restartOf(view) ?? {};
  return upgrade?.from[view.self] === undefined || ownRecord(view)?.version === upgrade.to ? undefined : upgrade.to;
}

/** What this member was started with before the upgrade, once its record names the new version. */
function versionBefore(view: View): string | undefined {
  const { upgrade } = restartOf(view) ?? {};
  return upgrade && ownRecord(view)?.version === upgrade.to ? upgrade.from[view.self] : undefined;
}

/** The turn is the member's, from the moment when its record says what it is to start with. */
function takeVersion(view: View): Decision | undefined {
  const version = versionDue(view);
  return version === undefined
    ? undefined
    : {
        actions: [{ kind: "record", what: "member", txn: versionTxn(view, version) }],
        because: { code: "restart-turn", step: "version" },
      };
}

function turnIsOver(view: View, startMs?: number): Decision {
  return {
    actions: [{ kind: "record", what: "intent", txn: restartedTxn(view, view.self, startMs) }],
    because: { code: "restart-turn", step: "done" },
  };
}

/** Nobody else is restarted; what has been stays so, and the cluster goes on. */
export function stopRestart(view: View, message: string): Decision {
  const operation = restartOf(view)?.id ?? "";
  const told = `${message}${accountOf(view)}`;
  return {
    actions: [
      {
        kind: "record",
        what: "intent",
        txn: stopRestartTxn(view, versionBefore(view)),
        outcome: { operation, state: "failed", message: told },
      },
    ],
    because: { code: "restart-stopped", message: told },
  };
}

/** Who has not had a turn. */
function accountOf(view: View): string {
  const left = restartsPending(view).filter((member) => member !== view.self);
  return left.length === 0 ? "" : `; ${left.join(", ")} ${left.length === 1 ? "was" : "were"} left as before`;
}

/** A standby's turn: stop, start, stream and catch up again before the next one begins. */
export const restartStandby: Rule = (view) => {
  const { cluster, memory, self, now } = view;
  if (!restartOf(view) || holdsEpoch(view) || cluster.reign.value.phase !== "open") return undefined;
  const { holder } = cluster.reign.value;
  const pending = restartsPending(view);
  if (isPrimaryFirst(view) && pending.includes(holder)) return undefined;
  if (pending.find((member) => member !== holder) !== self) return undefined;
  const stoppedAt = memory.intent?.stoppedAt;
  if (stoppedAt === undefined) return beginTurn(view);
  const refused = settingsRefused(view);
  if (refused) return refused;
  if (hasCaughtUp(view)) return turnIsOver(view, now - stoppedAt);
  return now < stoppedAt + gateMs ? undefined : missGate(view);
};

/** What one server does not start with is not tried on the next. */
function settingsRefused(view: View): Decision | undefined {
  const { server, self } = view;
  if (server.kind !== "running" || server.settingsRefused === undefined) return undefined;
  return stopRestart(view, `"${self}" does not start with its settings: ${server.settingsRefused}`);
}

function beginTurn(view: View): Decision | undefined {
  if (view.server.kind !== "running" || wouldStopWrites(view)) return undefined;
  return (
    takeVersion(view) ?? {
      actions: [{ kind: "stop", withinMs: view.timings.stopMs, then: "fence" }],
      because: { code: "restart-turn", step: "stop" },
    }
  );
}

function hasCaughtUp(view: View): boolean {
  const { server } = view;
  if (server.kind !== "running" || !server.streaming || runsAnother(view)) return false;
  const primary = serverOf(view, view.cluster.reign.value.holder);
  return primary?.kind === "running" && bytesBetween(server.flushed, primary.flushed) <= switchoverLagBytesMax;
}

/** Its record names the new version, and its server says another. */
function runsAnother(view: View): boolean {
  const { server } = view;
  if (versionBefore(view) === undefined || server.kind !== "running" || server.version === undefined) return false;
  return server.version !== ownRecord(view)?.version;
}

/** On another version it is ended first, so that the next start is on the one before. */
function missGate(view: View): Decision {
  const { server } = view;
  const version = restartOf(view)?.upgrade?.to ?? "";
  const isBack = server.kind === "running" && server.streaming;
  const what = runsAnother(view) ? `come up on Postgres ${version}` : isBack ? "catch up" : "stream again";
  const stopped = stopRestart(view, `"${view.self}" did not ${what} within ${gateMs / 60_000} minutes of its restart`);
  if (versionBefore(view) === undefined || server.kind === "stopped") return stopped;
  const end = { kind: "stop", withinMs: view.timings.stopMs, then: "fence" } as const;
  return { ...stopped, actions: [...stopped.actions, end] };
}

/** Others could acknowledge in its place, but are away now: its turn waits for them. */
export function wouldStopWrites(view: View): boolean {
  const { rule } = view.cluster.rule.value;
  const primary = serverOf(view, view.cluster.reign.value.holder);
  const others = rule.voters.filter((voter) => voter.member !== view.self);
  if (others.length < rule.acks || primary?.kind !== "running") return false;
  const streaming = others.filter((voter) =>
    primary.standbys.some((row) => row.name === voterName(voter) && row.state === "streaming"),
  );
  return streaming.length < rule.acks;
}

/** What the serving primary's turn needs besides a switchover; undefined: somebody is fit, and the move begins. */
export function restartPrimary(view: View, verdicts: readonly Verdict[]): Decision | undefined {
  const { intent } = view.memory;
  // It was stopped for this, and has become the primary again: its turn is over.
  if (intent?.stoppedAt !== undefined) return settingsRefused(view) ?? turnIsOver(view);
  const version = takeVersion(view);
  if (version) return version;
  if (isPrimaryFirst(view) || restartOf(view)?.inPlace || isAlone(view)) return restartInPlace(view);
  // Should its start fail after all, somebody can be elected.
  if (verdicts.some(({ rejection }) => rejection === undefined))
    return startsQuickly(view) ? restartInPlace(view) : undefined;
  const giveUpAt = (intent?.startedAt ?? view.now) + targetMs;
  if (view.now < giveUpAt) return { actions: [], because: { code: "restart-waits" }, recheckAt: giveUpAt };
  return stopRestart(view, `no standby can take over from "${view.self}", which was not restarted`);
}

function startsQuickly(view: View): boolean {
  return (restartOf(view)?.slowestStartMs ?? Infinity) <= quickStartMs;
}

/** No other member could be the primary, however well it is. */
function isAlone({ cluster, self }: View): boolean {
  return !cluster.spec.value.members.some((member) => member !== self && inPrimaryRegion(cluster, member));
}

/** A stop and a start; the epoch is taken anew by the usual recovery. */
function restartInPlace(view: View): Decision {
  const { checkpointed, held } = view.memory.intent ?? {};
  const because = { code: "restart-turn", step: "stop" } as const;
  if (!checkpointed) return { actions: [{ kind: "checkpoint" }], because };
  if (!held) return { actions: [{ kind: "hold-clients", because: "restart" }], because };
  const stop = { kind: "stop", withinMs: view.timings.stopMs, then: "fence" } as const;
  // Where others have their turns after it, they begin once it serves again.
  if (isPrimaryFirst(view)) return { actions: [stop], because };
  return { actions: [{ kind: "record", what: "intent", txn: restartedTxn(view, view.self) }, stop], because };
}

/** It came to its end at the start, on the version that it was just given: the one before is known to run. */
export const putBack: Rule = (view) => {
  const { server, self } = view;
  const from = versionBefore(view);
  const version = restartOf(view)?.upgrade?.to;
  if (from === undefined || version === undefined || server.kind !== "stopped" || server.noRoom) return undefined;
  if (server.failures < failuresMax[holdsEpoch(view) ? "primary" : "standby"]) return undefined;
  const words = server.lastWords === undefined ? "" : ` ("${server.lastWords}")`;
  const { actions } = stopRestart(
    view,
    `"${self}" does not start on Postgres ${version}${words} and is put back on ${from}`,
  );
  return { actions, because: { code: "put-back", version, from } };
};
