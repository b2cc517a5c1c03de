/**
 * Virtual time: a queue of steps in the order of their moments. `now` is true time, which no simulated host can see; a
 * host reads its own clock (HostClock), which runs a little fast or slow.
 */

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  now = 0;
  steps = 0;
  #heap: Timer[] = [];
  #order = 0;

  after(delayMs: number, run: () => void): void {
    this.#push({ at: this.now + Math.max(0, delayMs), order: this.#order++, run });
  }

  /** Runs the next step. @returns false when there is none before `until` */
  step(until: number): boolean {
    const next = this.#heap[0];
    if (!next || next.at > until) {
      this.now = until;
      return false;
    }
    this.#pop();
    this.now = next.at;
    this.steps += 1;
    next.run();
    return true;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!earlier(timer, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && earlier(heap[below + 1]!, heap[below]!)) below += 1;
      if (!earlier(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A host's monotonic clock: its own beginning and its own rate. */
export class HostClock {
  readonly #scheduler: Scheduler;
  readonly #offset: number;
  readonly #rate: number;

  constructor(scheduler: Scheduler, offset: number, rate: number) {
    this.#scheduler = scheduler;
    this.#offset = offset;
    this.#rate = rate;
  }

  now(): number {
    return this.#offset + this.#scheduler.now * this.#rate;
  }

  /** True milliseconds until the clock shows `moment`. */
  until(moment: number): number {
    return Math.max(0, (moment - this.now()) / this.#rate);
  }
}

/**
 * Something that runs on a host and can be frozen or killed: an agent, a guard, a Postgres. What reaches it while
 * frozen happens at the thaw; what was meant for a life that has ended never happens.
 */
export class Part {
  alive = true;
  frozen = false;
  life = 0;
  #backlog: (() => void)[] = [];
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  run(step: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.#backlog.push(step);
    else step();
  }

  after(delayMs: number, step: () => void): void {
    const { life } = this;
    this.#scheduler.after(delayMs, () => {
      if (this.life === life) this.run(step);
    });
  }

  freeze(): void {
    if (this.alive) this.frozen = true;
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    const waiting = this.#backlog;
    this.#backlog = [];
    for (const step of waiting) this.after(0, step);
  }

  kill(): void {
    this.alive = false;
    this.frozen = false;
    this.life += 1;
    this.#backlog = [];
  }

  start(): void {
    this.alive = true;
    this.life += 1;
  }
}
