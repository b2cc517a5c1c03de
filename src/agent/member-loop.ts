/**
 * The loop of one member: observe its server, let the core decide, carry it out; again at every event, at the time the
 * decision named, and at least once a second. One look at a time; actions run beside it. Called by the cluster's loop.
 */
import type { Action, ActionKind, ActionResult } from "../core/action.ts";
import type { Decision } from "../core/decision.ts";
import { look } from "../core/decide.ts";
import { afterAction } from "../core/memory.ts";
import { actsAsPrimary } from "../core/standing.ts";
import { emptyMemory, type Memory, type View } from "../core/view.ts";
import type { MemberId, Timings } from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import type { MemberServer } from "../drivers/postgres/port.ts";
import type { Postmaster } from "../guard/wire.ts";
import { act, type Hands } from "./act.ts";
import type { Clock } from "./clock.ts";

/** What the cluster's loop gives to each of its members' loops. */
export interface MemberSurroundings {
  readonly clock: Clock;
  readonly timings: Timings;
  /** clients matter: it falls asleep without any */
  readonly countsClients: boolean;
  /** the parts of the view that are not the member's own; undefined while the cluster is not known well enough to decide */
  surroundings(
    member: MemberId,
  ): Omit<View, "self" | "now" | "wallNow" | "timings" | "server" | "busy" | "memory"> | undefined;
  hands(loop: MemberLoop): Hands;
  decided(loop: MemberLoop, view: View, decision: Decision): void;
  ended(loop: MemberLoop, action: Action, result: ActionResult, tookMs: number): void;
  /** a look threw, which none should */
  failed(loop: MemberLoop, error: unknown): void;
}

const longActions = ["clone", "rewind", "start", "stop"] as const;

interface Running {
  readonly since: number;
  readonly abort: AbortController;
}

export class MemberLoop {
  readonly id: MemberId;
  readonly dataDirectory: string;
  server: MemberServer;
  observed: Server = { kind: "absent" };
  observedAt: number | undefined;
  view: View | undefined;
  decision: Decision | undefined;
  progress: { step: string; bytesDone: number; bytesTotal: number | undefined } | undefined;
  #memory: Memory = emptyMemory;
  readonly #around: MemberSurroundings;
  readonly #busy = new Map<ActionKind, Running>();
  #timer: NodeJS.Timeout | undefined;
  #recheckAt: number | undefined;
  #looking = false;
  #actionsEnded = 0;
  #again = false;
  #closed = false;
  /** what was begun last, to notice an action that is wanted again because it changed nothing */
  #lastBegun: { readonly actions: string; readonly at: number } | undefined;
  /** nothing of an older directory is kept beside this one any more */
  #tidy = false;

  constructor(id: MemberId, dataDirectory: string, server: MemberServer, around: MemberSurroundings) {
    this.id = id;
    this.dataDirectory = dataDirectory;
    this.server = server;
    this.#around = around;
    server.onChange(() => this.wake());
  }

  get memory(): Memory {
    return this.#memory;
  }

  isBusy(...kinds: readonly ActionKind[]): boolean {
    return kinds.some((kind) => this.#busy.has(kind));
  }

  /** What fencing would end; null when there is no process. */
  get postmaster(): Postmaster | null {
    const { pid } = this.server;
    const { dataDirectory } = this;
    return pid === undefined ? null : { pid, isPrimary: actsAsPrimary(this.observed), dataDirectory };
  }

  /** Worth a word in the status while they last. */
  get longActions(): readonly ActionKind[] {
    return longActions.filter((kind) => this.#busy.has(kind));
  }

  /** Looks as soon as possible; looks again if one look is under way. */
  wake(): void {
    if (this.#closed) return;
    this.#again = true;
    if (!this.#looking) void this.#lookWhileNeeded();
  }

  /** A long action has come so far; for people. */
  cameTo(step: string, bytesDone: number, bytesTotal: number | undefined): void {
    this.progress = { step, bytesDone, bytesTotal };
  }

  replaceServer(server: MemberServer): void {
    this.server = server;
    this.#tidy = false;
    server.onChange(() => this.wake());
  }

  /** Ends the loop; the server goes on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const running of this.#busy.values()) running.abort.abort();
    await this.server.close();
  }

  async #lookWhileNeeded(): Promise<void> {
    this.#looking = true;
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#lookOnce().catch((error: unknown) => this.#lookFailed(error));
    }
    this.#looking = false;
  }

  /** A defect in one member's look must not end the care for all the others; it is looked at again at the next tick. */
  #lookFailed(error: unknown): void {
    this.#around.failed(this, error);
    this.#sleepUntil(undefined);
  }

  async #lookOnce(): Promise<void> {
    clearTimeout(this.#timer);
    const { timings, clock, countsClients } = this.#around;
    const actionsEnded = this.#actionsEnded;
    this.observed = await this.server.observe(timings.unresponsiveMs / 2, { countsClients });
    this.observedAt = clock.now();
    // Seen before the end of an action that has ended meanwhile: it would be asked for once more.
    if (actionsEnded !== this.#actionsEnded) {
      this.#again = true;
      return;
    }
    const view = this.#makeView();
    if (!view) return this.#sleepUntil(undefined);
    if (this.#closed) return;
    const { memory, decision } = look(view);
    this.#memory = memory;
    this.view = { ...view, memory };
    this.decision = decision;
    this.#around.decided(this, this.view, decision);
    this.#recheckAt = decision.recheckAt;
    this.#begin(decision.actions);
    this.#removeKeptOnceItStreams();
    this.#sleepUntil(this.#recheckAt);
  }

  /** I9: the directory from before a copy goes only now. */
  #removeKeptOnceItStreams(): void {
    if (this.#tidy || this.observed.kind !== "running" || !this.observed.streaming) return;
    this.#tidy = true;
    void this.server.removeKept().catch(() => {
      this.#tidy = false;
    });
  }

  #makeView(): View | undefined {
    const { clock, timings } = this.#around;
    const around = this.#around.surroundings(this.id);
    if (!around) return undefined;
    const busy = [...this.#busy].map(([kind, { since }]) => ({ kind, since }));
    return {
      self: this.id,
      now: clock.now(),
      wallNow: clock.wallNow(),
      timings,
      server: this.observed,
      busy,
      memory: this.#memory,
      ...around,
    };
  }

  /** Starts those that are not under way; they run one after another, and a failed one stops the rest. */
  #begin(actions: readonly Action[]): void {
    const due = actions.filter((action) => !this.#busy.has(action.kind));
    if (due.length === 0 || this.#isRepeated(due)) return;
    // Fencing wins over whatever else works on the server.
    if (due.some((action) => action.kind === "fence")) for (const running of this.#busy.values()) running.abort.abort();
    const abort = new AbortController();
    const since = this.#around.clock.now();
    for (const action of due) this.#busy.set(action.kind, { since, abort });
    void this.#run(due, abort.signal);
  }

  /** Wanted again at once, though it has just been done: it had no effect yet, and is tried again a little later. */
  #isRepeated(actions: readonly Action[]): boolean {
    const now = this.#around.clock.now();
    const text = JSON.stringify(actions, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value));
    const freeAt = (this.#lastBegun?.at ?? -Infinity) + this.#around.timings.heartbeatMs;
    if (this.#lastBegun?.actions === text && now < freeAt) {
      this.#recheckAt = freeAt;
      return true;
    }
    this.#lastBegun = { actions: text, at: now };
    return false;
  }

  async #run(actions: readonly Action[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#around;
    let goOn = true;
    for (const action of actions) {
      const begun = clock.now();
      const result: ActionResult = goOn
        ? await act(action, this.#around.hands(this), signal)
        : { kind: action.kind, outcome: "refused", message: "a step before it failed" };
      goOn &&= result.outcome === "done";
      this.progress = undefined;
      this.#memory = afterAction(this.#memory, action, result, clock.now());
      this.#busy.delete(action.kind);
      // A record changes nothing at the server: a look that is under way stays true.
      if (action.kind !== "record") this.#actionsEnded += 1;
      this.#around.ended(this, action, result, clock.now() - begun);
      // What failed is tried again a little later, not at once: it would spin. A refused record has been read anew.
      if (result.outcome === "done" || (action.kind === "record" && result.outcome === "refused")) this.wake();
      else this.#sleepUntil(clock.now() + this.#around.timings.heartbeatMs);
    }
  }

  #sleepUntil(recheckAt: number | undefined): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const { clock, timings } = this.#around;
    const waitMs = Math.min(this.#tickMs(timings), Math.max(1, (recheckAt ?? Infinity) - clock.now()));
    this.#timer = setTimeout(() => this.wake(), waitMs);
  }

  /** A server that stands still sends no event, and everybody's writes wait for the holder's: it is seen sooner. */
  #tickMs({ tickMs }: Timings): number {
    return this.view?.cluster.reign.value.holder === this.id ? tickMs / 2 : tickMs;
  }
}
