/**
 * Tells what happens to a cluster as events, in the user's words: from changes of its records, from what its members
 * decide, and from how their servers come and go. Called by the cluster's loop as its witness; changes nothing.
 */
import type { Action, ActionResult } from "../../core/action.ts";
import type { Decision } from "../../core/decision.ts";
import { formatReason } from "../../core/reason.ts";
import type { ClusterRecord, Intent, MemberId, RestartIntent } from "../../domain/cluster.ts";
import type { EventContext, EventLog } from "../../events/event-log.ts";
import { markName, type PauseMarks } from "../../events/pause-marks.ts";
import type { OperationLog } from "../../events/operation-log.ts";
import type { Log } from "../../log/log.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";
import type { ReadLag } from "../freshness.ts";
import type { Waking } from "../sleeper.ts";
import type { Witness } from "../cluster-loop.ts";
import type { MemberLoop } from "../member-loop.ts";
import { Availability, MissingVotes, tellDecision, type ToldCluster } from "./decisions.ts";
import { Pauses } from "./pauses.ts";
import { nameOf as nameOfOccasion, tellRecordChange } from "./records.ts";
import { ServerStories } from "./servers.ts";
import { Teller } from "./teller.ts";

export interface NarratorParts {
  readonly events: EventLog;
  readonly operations: OperationLog;
  readonly pauses: PauseMarks;
  readonly log: Log;
  readonly clock: Clock;
  /** name of this host; left out in an installation of one host */
  readonly host?: string;
  /** whether another host's agent was heard a moment ago */
  readonly isHeard?: (host: string) => boolean;
  /** called after everything, for those who follow a cluster */
  readonly changed: (cluster: string) => void;
}

/** What is remembered of one cluster between two of its events. */
interface Memory {
  readonly pauses: Pauses;
  readonly servers: ServerStories;
  readonly missingVotes: MissingVotes;
  readonly availability: Availability;
  formerHolder: string | undefined;
  /** that is under way, or was last, and when it was seen first */
  intent: Intent | undefined;
  intentAt: number;
}

export class Narrator implements Witness {
  readonly #parts: NarratorParts;
  readonly #teller: Teller;
  readonly #memories = new Map<string, Memory>();

  constructor(parts: NarratorParts) {
    this.#parts = parts;
    this.#teller = new Teller(parts);
  }

  decided(loop: ToldCluster, member: MemberLoop, decision: Decision, before: Decision | undefined): void {
    const { events, log } = this.#parts;
    const { servers, missingVotes, availability, pauses } = this.#memoryOf(loop);
    pauses.decided(loop, member, decision);
    servers.observed(member, decision, loop.record);
    missingVotes.decided(this.#teller, loop, member, decision);
    availability.decided(events, loop, member, decision);
    if (before?.because.code !== decision.because.code || before.actions.length !== decision.actions.length) {
      log.info("decided", {
        cluster: loop.name,
        member: member.id,
        code: decision.because.code,
        because: formatReason(decision.because),
        actions: decision.actions.map(nameOf),
      });
      tellDecision(events, loop, member, decision, before);
    }
    this.#parts.changed(loop.name);
  }

  ended(loop: ToldCluster, member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void {
    const told = {
      cluster: loop.name,
      member: member.id,
      action: nameOf(action),
      outcome: result.outcome,
      took_ms: Math.round(tookMs * 10) / 10,
    };
    if (result.outcome === "done") this.#parts.log.info("action ended", told);
    else this.#parts.log.warn("action ended", { ...told, message: result.message });
    this.#memoryOf(loop).servers.ended(member, action, result, tookMs);
    if (action.kind === "record" && result.outcome === "done" && action.outcome) this.#tryFinish(action.outcome, loop);
    this.#parts.changed(loop.name);
  }

  recordChanged(loop: ToldCluster, before: ClusterRecord | undefined): void {
    const memory = this.#memoryOf(loop);
    // The same one again, when it is back and elected before anybody else is.
    if (before && before.reign.value.epoch < loop.record.reign.value.epoch)
      memory.formerHolder = before.reign.value.holder;
    const intent = loop.record.intent?.value;
    if (intent && intent.id !== memory.intent?.id) {
      memory.intent = intent;
      memory.intentAt = this.#parts.clock.now();
    }
    memory.pauses.recordChanged(loop, before);
    const { formerHolder } = memory;
    const background = { pause: memory.pauses.endpoint, formerHolder };
    if (before) tellRecordChange(this.#teller, before, loop.record, background);
    this.#parts.changed(loop.name);
  }

  routed(loop: ToldCluster, routes: readonly Route[]): void {
    this.#memoryOf(loop).pauses.routed(loop, routes);
    this.#parts.changed(loop.name);
  }

  readsChanged(loop: ToldCluster, member: MemberId, lag: ReadLag): void {
    const told = { lag_bytes: lag.lagBytes, lag_ms: lag.lagMs === null ? null : Math.round(lag.lagMs) };
    this.#parts.events.emit(lag.isBehind ? "reads.left" : "reads.back", { cluster: loop.name, member }, told);
    this.#parts.changed(loop.name);
  }

  heard(loop: ToldCluster): void {
    this.#memoryOf(loop).pauses.heard(loop);
    this.#parts.changed(loop.name);
  }

  woken(loop: ToldCluster, waking: Waking, tookMs: number): void {
    const told = { by: waking.by, took_ms: Math.round(tookMs) };
    const about = { cluster: loop.name, durationMs: told.took_ms };
    this.#teller.tellToo(nameOfOccasion(loop.record, `woken/${waking.revision}`), "cluster.woken", about, told);
    this.#parts.changed(loop.name);
  }

  failed(loop: ToldCluster, member: MemberLoop, error: unknown): void {
    this.#parts.log.error("look failed", { cluster: loop.name, member: member.id, error });
  }

  closed(loop: ToldCluster): void {
    this.#memories.delete(loop.name);
  }

  #memoryOf(loop: ToldCluster): Memory {
    let memory = this.#memories.get(loop.name);
    if (!memory) {
      const { clock, events, pauses: marks, host } = this.#parts;
      memory = {
        pauses: new Pauses(this.#teller, { clock, marks, cluster: markName(loop.record.spec.value) }, host),
        servers: new ServerStories(events, loop.name),
        missingVotes: new MissingVotes(),
        availability: new Availability(),
        formerHolder: undefined,
        intent: undefined,
        intentAt: 0,
      };
      this.#memories.set(loop.name, memory);
    }
    return memory;
  }

  /** On a full disk an operation may not be told to its end; the loop that calls this must go on. */
  #tryFinish(outcome: Outcome, loop: ToldCluster): void {
    try {
      this.#finish(outcome, loop);
    } catch (error) {
      this.#parts.log.error("operation not finished", { cluster: loop.name, operation: outcome.operation, error });
    }
  }

  /**
   * The core ended what somebody asked for: the operation that they follow ends with it. It may have been begun at
   * another host, and not be known here yet.
   */
  #finish({ operation, state, message }: Outcome, loop: ToldCluster): void {
    const { pauses, intent, intentAt } = this.#memoryOf(loop);
    if (intent?.id === operation && intent.kind === "restart")
      this.#tellRestart({ state, message }, { cluster: loop.name, actor: intent.by }, intent);
    const pausedMs = pauses.endpoint.since(intentAt) ?? null;
    const primary = loop.record.reign.value.holder;
    const result = { message: endOf(intent, operation) ?? message, primary, write_pause_ms: pausedMs };
    const hint = `See: matriarch explain ${loop.name}`;
    this.#parts.operations.finish(
      operation,
      state === "done"
        ? { state, step: result.message, result }
        : { state, error: new OpError("operation-failed", { message, hint }) },
    );
  }

  #tellRestart(end: Pick<Outcome, "state" | "message">, about: EventContext, intent: RestartIntent): void {
    const { events } = this.#parts;
    const { pending: members, upgrade } = intent;
    const { message: reason } = end;
    const isDone = end.state === "done";
    if (upgrade && isDone) events.emit("upgrade.done", about, { members, to: upgrade.to });
    else if (upgrade) events.emit("upgrade.failed", about, { to: upgrade.to, reason });
    else if (isDone) events.emit("restart.done", about, { members });
    else events.emit("restart.failed", about, { reason });
  }
}

type Outcome = NonNullable<Extract<Action, { kind: "record" }>["outcome"]>;

/** Who it was; the core knows only that nobody is left. */
function endOf(intent: Intent | undefined, operation: string): string | undefined {
  if (intent?.kind !== "restart" || intent.id !== operation) return undefined;
  const members = intent.pending.join(", ");
  return intent.upgrade ? `${members} on Postgres ${intent.upgrade.to}` : `${members} restarted`;
}

function nameOf(action: Action): string {
  return action.kind === "record" ? `record ${action.what}` : action.kind;
}
