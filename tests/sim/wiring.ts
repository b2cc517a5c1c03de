/**
 * Where a mutation can break the protocol: around the core, never inside it. An empty wiring is the product's own
 * behaviour. Read by the parts of the simulator; filled by mutations.ts.
 */
import type { Action } from "../../src/core/action.ts";
import type { Decision } from "../../src/core/decision.ts";
import type { Memory, View } from "../../src/core/view.ts";

export type Switch =
  | "promise-counted-from-answer"
  | "margin-ignored"
  | "guard-never-fences"
  | "guard-lets-vote-at-start"
  | "given-not-reported"
  | "promises-despite-vote"
  | "reload-not-awaited"
  | "receiver-not-stopped"
  | "timelines-not-planted"
  | "fence-does-nothing"
  | "unknown-taken-as-failed"
  | "store-ignores-requirements"
  | "incarnation-not-in-stream-name"
  | "heartbeat-without-agent"
  | "pause-not-required"
  | "sleeps-beside-clients"
  | "hosts-not-asked"
  | "nobody-wakes-it"
  | "standby-starts-with-less";

export interface Wiring {
  readonly switches: ReadonlySet<Switch>;
  readonly view: (view: View) => View;
  readonly decision: (view: View, decision: Decision) => Decision;
  /** the action as it is carried out; undefined: dropped, reported as done */
  readonly action: (action: Action, view: View) => Action | undefined;
  readonly memory: (memory: Memory, view: View) => Memory;
}

export const faithful: Wiring = {
  switches: new Set(),
  view: (view) => view,
  decision: (_view, decision) => decision,
  action: (action) => action,
  memory: (memory) => memory,
};
