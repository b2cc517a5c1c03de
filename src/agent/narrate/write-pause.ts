/**
 * How long writes of a cluster are interrupted, as this host sees it: from when its primary endpoint leads nowhere, or a
 * primary was heard last that answers no more, until it leads to one again. It lasts over restarts of the agent: its
 * beginning is kept on disk, and so is, now and then, that writes were taken. Called by the narrator.
 */
import type { PauseKind, PauseMark, PauseMarks } from "../../events/pause-marks.ts";
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";

export interface Interruption {
  /** wall clock */
  readonly from: number;
  readonly ms: number;
}

/** Where an agent finds nothing that runs, its machine may have been without power since then. */
const stampMs = 15_000;
const unknown = { why: "", by: "" } as const;

export interface PauseParts {
  readonly clock: Pick<Clock, "now" | "wallNow">;
  readonly marks: PauseMarks;
  readonly cluster: string;
}

/** One kind of interruption of one cluster. Moments are of the monotonic clock. */
export class Interruptions {
  readonly #parts: PauseParts;
  readonly #kind: PauseKind;
  #since: number | undefined;
  #stampedAt = -Infinity;

  constructor(parts: PauseParts, kind: PauseKind) {
    this.#parts = parts;
    this.#kind = kind;
    const since = this.mark?.since ?? undefined;
    if (since !== undefined) this.#since = this.#momentOf(since);
  }

  /** What an agent of this host has noted last. */
  get mark(): PauseMark | undefined {
    return this.#parts.marks.of(this.#parts.cluster, this.#kind);
  }

  get lasting(): number | undefined {
    return this.#since === undefined ? undefined : Math.round(this.#parts.clock.now() - this.#since);
  }

  begin(since: number, cause: Pick<PauseMark, "why" | "by"> = unknown): void {
    const { clock, marks, cluster } = this.#parts;
    this.#since ??= since;
    marks.begin(cluster, this.#kind, clock.wallNow() - (clock.now() - this.#since), cause);
  }

  end(): Interruption | undefined {
    const ms = this.lasting;
    if (ms === undefined) return undefined;
    const { clock, marks, cluster } = this.#parts;
    this.#since = undefined;
    marks.end(cluster, this.#kind, clock.wallNow());
    return { from: clock.wallNow() - ms, ms };
  }

  /** Writes are taken now. */
  stamp(): void {
    const { clock, marks, cluster } = this.#parts;
    if (this.#since !== undefined || clock.now() - this.#stampedAt < stampMs) return;
    this.#stampedAt = clock.now();
    marks.alive(cluster, this.#kind, clock.wallNow());
  }

  /** When writes were known to be taken last, by an agent before this one. */
  aliveAt(): number | undefined {
    const at = this.mark?.aliveAt ?? undefined;
    return at === undefined ? undefined : this.#momentOf(at);
  }

  #momentOf(wall: number): number {
    const { clock } = this.#parts;
    return clock.now() - Math.max(0, clock.wallNow() - wall);
  }
}

export class WritePause {
  readonly #clock: Pick<Clock, "now">;
  readonly #interruptions: Interruptions;
  #isKnown = false;
  #isWaking = false;
  #last: { readonly endedAt: number; readonly ms: number } | undefined;

  constructor(parts: PauseParts) {
    this.#clock = parts.clock;
    this.#interruptions = new Interruptions(parts, "endpoint");
  }

  /**
   * @param lastGood when the primary was seen well last, when it answers nothing now
   * @returns the interruption that has just ended
   */
  routed(routes: readonly Route[], lastGood?: number): Interruption | undefined {
    const primary = routes.find((route) => route.kind === "primary");
    if (!primary) return undefined;
    const isFirst = !this.#isKnown;
    this.#isKnown = true;
    const now = this.#clock.now();
    if (primary.isAsleep) {
      this.rest();
      return undefined;
    }
    if (primary.state !== "open") {
      if (this.lasting === undefined && !this.#isWaking)
        this.#interruptions.begin(Math.min(now, (isFirst ? this.#interruptions.aliveAt() : lastGood) ?? now));
      return undefined;
    }
    this.#isWaking = false;
    const ended = this.#interruptions.end();
    if (ended) this.#last = { endedAt: now, ms: ended.ms };
    this.#interruptions.stamp();
    return ended;
  }

  /** A cluster that sleeps has no client whose writes could pause, and whoever wakes it is told of as that. */
  rest(): void {
    this.#isWaking = true;
    this.#interruptions.end();
  }

  /** Now and then, while nothing is interrupted. */
  goesOn(): void {
    if (this.#isKnown) this.#interruptions.stamp();
  }

  /** What is known of the cause, should this agent not see the end. */
  because(cause: Pick<PauseMark, "why" | "by">): void {
    if (this.lasting !== undefined) this.#interruptions.begin(this.#clock.now(), cause);
  }

  get mark(): PauseMark | undefined {
    return this.#interruptions.mark;
  }

  /** It was asleep, and does not serve yet. */
  get isWaking(): boolean {
    return this.#isWaking;
  }

  /** Of the interruption that lasts now, milliseconds; undefined when there is none. */
  get lasting(): number | undefined {
    return this.#interruptions.lasting;
  }

  /** Of the interruption that lasts now, else of the last one if it ended after `moment`, of this host's clock. */
  since(moment: number): number | undefined {
    return this.lasting ?? (this.#last && this.#last.endedAt >= moment ? this.#last.ms : undefined);
  }
}
