/**
 * Tells what happens to a cluster as events, in the user's words: from changes of its records, from what its members
 * decide, and from how their servers come and go. Called by the cluster's loop as its witness; changes nothing.
 */
import type { Action, ActionResult } from "../../core/action.ts";
import type { Decision } from "../../core/decision.ts";
import { formatReason } from "../../core/reason.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { OperationLog } from "../../events/operation-log.ts";
import type { Log } from "../../log/log.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";
import type { ClusterLoop, Witness } from "../cluster-loop.ts";
import type { MemberLoop } from "../member-loop.ts";
import { tellDecision } from "./decisions.ts";
import { tellRecordChange } from "./records.ts";
import { ServerStories } from "./servers.ts";
import { WritePause } from "./write-pause.ts";

export interface NarratorParts {
  readonly events: EventLog;
  readonly operations: OperationLog;
  readonly log: Log;
  readonly clock: Clock;
  /** called after everything, for those who follow a cluster */
  readonly changed: (cluster: string) => void;
}

export class Narrator implements Witness {
  readonly #parts: NarratorParts;
  readonly #pauses = new Map<string, WritePause>();
  readonly #servers = new Map<string, ServerStories>();

  constructor(parts: NarratorParts) {
    this.#parts = parts;
  }

  decided(loop: ClusterLoop, member: MemberLoop, decision: Decision, before: Decision | undefined): void {
    this.#serversOf(loop).observed(member, decision);
    if (before?.because.code !== decision.because.code) {
      this.#parts.log.info("decided", {
        cluster: loop.name,
        member: member.id,
        code: decision.because.code,
        because: formatReason(decision.because),
        actions: decision.actions.map((action) => (action.kind === "record" ? `record ${action.what}` : action.kind)),
      });
      tellDecision(this.#parts.events, loop, member, decision, before);
    }
    this.#parts.changed(loop.name);
  }

  ended(loop: ClusterLoop, member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void {
    const what = action.kind === "record" ? `record ${action.what}` : action.kind;
    const fields = { cluster: loop.name, member: member.id, action: what, outcome: result.outcome, took_ms: Math.round(tookMs * 10) / 10 };
    if (result.outcome === "done") this.#parts.log.info("action ended", fields);
    else this.#parts.log.warn("action ended", { ...fields, message: result.message });
    this.#serversOf(loop).ended(member, action, result, tookMs);
    if (action.kind === "record" && result.outcome === "done" && action.outcome) this.#finish(action.outcome, loop);
    this.#parts.changed(loop.name);
  }

  recordChanged(loop: ClusterLoop, before: ClusterRecord | undefined): void {
    if (before) tellRecordChange(this.#parts.events, before, loop.record, this.#pauseOf(loop));
    this.#parts.changed(loop.name);
  }

  routed(loop: ClusterLoop, routes: readonly Route[]): void {
    this.#pauseOf(loop).routed(routes);
    this.#parts.changed(loop.name);
  }

  forget(cluster: string): void {
    this.#pauses.delete(cluster);
    this.#servers.delete(cluster);
  }

  #pauseOf(loop: ClusterLoop): WritePause {
    let pause = this.#pauses.get(loop.name);
    if (!pause) this.#pauses.set(loop.name, (pause = new WritePause(this.#parts.clock)));
    return pause;
  }

  #serversOf(loop: ClusterLoop): ServerStories {
    let stories = this.#servers.get(loop.name);
    if (!stories) this.#servers.set(loop.name, (stories = new ServerStories(this.#parts.events, loop.name)));
    return stories;
  }

  /** The core ended what somebody asked for: the operation that they follow ends with it. */
  #finish(outcome: NonNullable<Extract<Action, { kind: "record" }>["outcome"]>, loop: ClusterLoop): void {
    const { operation, state, message } = outcome;
    const writePauseMs = this.#pauseOf(loop).last;
    const result = { message, primary: loop.record.reign.value.holder, write_pause_ms: writePauseMs ?? null };
    this.#parts.operations.finish(
      operation,
      state === "done"
        ? { state, step: message, result }
        : { state, error: new OpError("operation-failed", { message, hint: `See: matriarch explain ${loop.name}` }) },
    );
  }
}
