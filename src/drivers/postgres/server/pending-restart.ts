/**
 * Whether a running server has settings that wait for its next start. Asked seldom, but again and again for a moment after
 * its files have changed: every process reads them in its own time, and the one that is asked may be late. Called by the
 * observer, once for each run of a server.
 */
import type { MonotonicClock } from "../session/deadline.ts";
import { askPendingRestart } from "../session/observation.ts";
import type { Session } from "../session/session.ts";

const askEveryMs = 30_000;
/** Far longer than a process takes that waits for its client; one that runs a query reads them after it. */
const settlesMs = 3000;

export class PendingRestart {
  readonly #clock: MonotonicClock;
  #isPending = false;
  #askedAt = -Infinity;
  #changedAt = -Infinity;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  filesChanged(): void {
    this.#changedAt = this.#clock.now();
  }

  async ask(session: Session, withinMs: number): Promise<boolean> {
    const now = this.#clock.now();
    if (now - this.#changedAt < settlesMs || now - this.#askedAt > askEveryMs) {
      this.#isPending = await askPendingRestart(session, withinMs);
      this.#askedAt = now;
    }
    return this.#isPending;
  }
}
