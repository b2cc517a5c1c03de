/**
 * A running server gets the settings that the spec asks for, and enough of those that its primary has (P10). What only a
 * restart puts in force is left to the operator's wish (rules/switchover.ts).
 */
import type { RunningServer } from "../../domain/server.ts";
import type { Decision, Rule } from "../decision.ts";
import { holdsEpoch } from "../standing.ts";
import type { View } from "../view.ts";

/** The primary that serves: nothing delays its barrier. */
export const configurePrimary: Rule = (view) => {
  const { server, cluster } = view;
  if (server.kind !== "running" || server.role !== "primary") return undefined;
  return holdsEpoch(view) && cluster.reign.value.phase === "open" ? configured(view, server) : undefined;
};

/** After all that an election wants of a standby. */
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
 * its next start it has as much. Source: RecoveryRequiresIntParameter() in xlogrecovery.c.
 */
export const restartTooLow: Rule = ({ server, timings }) => {
  if (server.kind !== "running" || server.role !== "standby" || server.settingsTooLow !== true) return undefined;
  return {
    actions: [{ kind: "stop", withinMs: timings.stopMs, then: "fence" }],
    because: { code: "settings-too-low" },
  };
};
