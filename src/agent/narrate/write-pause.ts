/** How long the primary endpoint of this host did not lead to a primary: what clients notice of a failover. */
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";

export class WritePause {
  readonly #clock: Pick<Clock, "now">;
  #closedAt: number | undefined;
  #isWaking = false;
  #last: { readonly endedAt: number; readonly ms: number } | undefined;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  routed(routes: readonly Route[]): void {
    const primary = routes.find((route) => route.kind === "primary");
    if (!primary) return;
    // A cluster that sleeps has no client whose writes could pause, and whoever wakes it is told of as that.
    if (primary.isAsleep) {
      this.#isWaking = true;
      this.#closedAt = undefined;
    } else if (primary.state !== "open") this.#closedAt ??= this.#isWaking ? undefined : this.#clock.now();
    else if (this.#isWaking) this.#isWaking = false;
    else if (this.#closedAt !== undefined) {
      const endedAt = this.#clock.now();
      this.#last = { endedAt, ms: Math.round(endedAt - this.#closedAt) };
      this.#closedAt = undefined;
    }
  }

  /** It was asleep, and does not serve yet. */
  get isWaking(): boolean {
    return this.#isWaking;
  }

  /** Of the interruption that lasts now, milliseconds; undefined when there is none. */
  get lasting(): number | undefined {
    return this.#closedAt === undefined ? undefined : Math.round(this.#clock.now() - this.#closedAt);
  }

  /** Of the interruption that lasts now, else of the last one if it ended after `moment`, of this host's clock. */
  since(moment: number): number | undefined {
    return this.lasting ?? (this.#last && this.#last.endedAt >= moment ? this.#last.ms : undefined);
  }
}
