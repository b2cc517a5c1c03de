/** How long the primary endpoint did not lead to a primary: what clients notice of a failover. */
import type { Route } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";

export class WritePause {
  /** of the last interruption, milliseconds; undefined before the first */
  last: number | undefined;
  readonly #clock: Clock;
  #closedAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  routed(routes: readonly Route[]): void {
    const primary = routes.find((route) => route.kind === "primary");
    if (!primary) return;
    if (primary.state !== "open") this.#closedAt ??= this.#clock.now();
    else if (this.#closedAt !== undefined) {
      this.last = Math.round(this.#clock.now() - this.#closedAt);
      this.#closedAt = undefined;
    }
  }

  /** Of the interruption that lasts now, else of the last one; milliseconds. */
  get soFar(): number | undefined {
    return this.#closedAt === undefined ? this.last : Math.round(this.#clock.now() - this.#closedAt);
  }
}
