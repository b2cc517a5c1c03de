/**
 * Messages between hosts (and the store): delayed, lost, or cut in one direction or both. A message that is lost is
 * gone; whoever needs an answer has a deadline. Streams (streams.ts) try again by themselves, as TCP does.
 */
import type { Random } from "./random.ts";
import type { Scheduler } from "./time.ts";

export interface LinkFault {
  readonly cut: boolean;
  readonly loss: number;
  readonly slowMs: number;
}

const healthy: LinkFault = { cut: false, loss: 0, slowMs: 0 };

export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #faults = new Map<string, LinkFault>();

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** One direction only. */
  setFault(from: string, to: string, fault: LinkFault): void {
    this.#faults.set(`${from}>${to}`, fault);
  }

  cut(from: string, to: string): void {
    this.setFault(from, to, { ...healthy, cut: true });
  }

  heal(): void {
    this.#faults.clear();
  }

  healLink(from: string, to: string): void {
    this.#faults.delete(`${from}>${to}`);
  }

  fault(from: string, to: string): LinkFault {
    return from === to ? healthy : (this.#faults.get(`${from}>${to}`) ?? healthy);
  }

  /** @returns the delay of one packet now, or undefined when it does not arrive */
  delay(from: string, to: string): number | undefined {
    const { cut, loss, slowMs } = this.fault(from, to);
    if (cut || (loss > 0 && this.#random.chance(loss))) return undefined;
    if (from === to) return 0.1;
    return this.#random.between(0.2, 1.5) + (slowMs > 0 ? this.#random.between(0, slowMs) : 0);
  }

  send(from: string, to: string, deliver: () => void): void {
    const delayMs = this.delay(from, to);
    if (delayMs !== undefined) this.#scheduler.after(delayMs, deliver);
  }
}
