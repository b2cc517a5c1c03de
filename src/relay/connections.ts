/**
 * The connections of a relay: what they lead to and whose they are, so that they can be cut when that is gone. Called
 * by incoming.ts, outgoing.ts and relay.ts.
 */
import type { Pipe } from "./pipe.ts";

export interface Route {
  readonly direction: "in" | "out";
  readonly member: string;
  /** the other host: whence it comes, or whither it goes */
  readonly host: string;
}

export class Connections {
  readonly #routes = new Map<Pipe, Route>();
  readonly #oneEnded: () => void;

  /** @param oneEnded called after each end */
  constructor(oneEnded: () => void) {
    this.#oneEnded = oneEnded;
  }

  get size(): number {
    return this.#routes.size;
  }

  add(pipe: Pipe, route: Route): void {
    this.#routes.set(pipe, route);
  }

  remove(pipe: Pipe): void {
    if (this.#routes.delete(pipe)) this.#oneEnded();
  }

  /** @returns how many */
  cut(which: (route: Route) => boolean): number {
    const ending = [...this.#routes].filter(([, route]) => which(route));
    for (const [pipe] of ending) pipe.cut();
    return ending.length;
  }
}
