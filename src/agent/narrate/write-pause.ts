/** How long the primary endpoint of this host did not lead to a primary: what clients notice of a failover. */
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";

export class WritePause {
  readonly #clock: Pick<Clock, "now">;
  #closedAt: number | undefined;
  #last: { readonly endedAt: number; readonly ms: number } | undefined;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  routed(routes: readonly Route[]): void {
    const primary = routes.find((route) => route.kind === "primary");
    if (!primary) return;
    if (primary.state !== "open") this.#closedAt ??= this.#clock.now();
    else if (this.#closedAt !== undefined) {
      const endedAt = this.#clock.now();
      this.#last = { endedAt, ms: Math.round(endedAt - this.#closedAt) };
      this.#closedAt = undefined;
    }
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
