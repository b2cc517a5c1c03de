/**
 * A running server gets the settings that the spec asks for, and enough of those that its primary has (P10). What only a
 * restart puts in force is left to the operator's wish (rules/switchover.ts).
 */
import type { RunningServer, Server } from "../../domain/server.ts";
import { serverOf } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import { holdsEpoch, isWell } from "../standing.ts";
import type { View } from "../view.ts";
import { wouldStopWrites } from "./restart.ts";

/** The primary that serves: nothing delays its barrier. */
export const configurePrimary: Rule = (view) => {
  const { server, cluster } = view;
  if (server.kind !== "running" || server.role !== "primary") return undefined;
  return holdsEpoch(view) && cluster.reign.value.phase === "open" ? configured(view, server) : undefined;
};

/** After all that an election wants of a standby, and while one cannot be held. */
export const configureStandby: Rule = (view) => {
  const { server } = view;
  return server.kind === "running" && server.role === "standby" ? configured(view, server) : undefined;
};

function configured({ cluster }: View, server: RunningServer): Decision | undefined {
  if (server.configured >= cluster.spec.value.generation) return undefined;
  return { actions: [{ kind: "configure" }], because: { code: "configuring" } };
}

/**
 * A standby whose settings are lower than its primary's stands still in its replay, and could not even be promoted. With
 * its next start it has as much. One at a time while the primary serves: they all met the same record.
 * Source: RecoveryRequiresIntParameter() in xlogrecovery.c.
 */
export const restartTooLow: Rule = (view) => {
  const { server, timings } = view;
  if (!isTooLow(server)) return undefined;
  const because = { code: "settings-too-low" } as const;
  if (wouldStopWrites(view) || othersGoFirst(view)) return { actions: [], because };
  return { actions: [{ kind: "stop", withinMs: timings.stopMs, then: "fence" }], because };
};

function isTooLow(server: Server | undefined): boolean {
  return server?.kind === "running" && server.role === "standby" && server.settingsTooLow === true;
}

function othersGoFirst(view: View): boolean {
  const { cluster, self } = view;
  if (!isWell(view, cluster.reign.value.holder)) return false;
  const { members } = cluster.spec.value;
  return members.some((member) => members.indexOf(member) < members.indexOf(self) && isTooLow(serverOf(view, member)));
}
