/** Guards' cores on one virtual clock, with a network between them that can be cut. Only tests may import it. */
import { GuardCore, type FenceReason, type KnownServer } from "./core.ts";
import type { GuardMessage, GuardTimings, MemberFeed } from "./wire.ts";

export const timings: GuardTimings = { heartbeatMs: 200, promiseMs: 1500, marginMs: 300 };
const wireMs = 1;

export interface Fenced {
  readonly host: string;
  readonly pid: number;
  readonly because: FenceReason;
  readonly at: number;
}

interface Step {
  readonly at: number;
  readonly run: () => void;
}

export class Rig {
  now = 10_000;
  readonly guards = new Map<string, GuardCore>();
  readonly fenced: Fenced[] = [];
  readonly sent: { readonly from: string; readonly to: string; readonly message: GuardMessage }[] = [];
  /** `a>b` */
  readonly cut = new Set<string>();
  readonly frozen = new Set<string>();
  readonly dead = new Set<number>();
  #steps: Step[] = [];

  start(host: string, left: readonly KnownServer[] = []): GuardCore {
    const guard = new GuardCore(
      { host, timings, left },
      {
        now: () => this.now,
        send: (to, message) => this.#send(host, to, message),
        fence: ({ pid }, because) => {
          if (this.dead.has(pid)) return false;
          this.dead.add(pid);
          this.fenced.push({ host, pid, because, at: this.now });
          return true;
        },
        changed: () => undefined,
      },
    );
    this.guards.set(host, guard);
    this.#beat(host, guard);
    return guard;
  }

  stop(host: string): void {
    this.guards.delete(host);
  }

  /** As guard.ts does it: at each beat, and whenever something can have become due. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const dueAt = [...this.guards].flatMap(([host, guard]) => (this.frozen.has(host) ? [] : [guard.watch()]));
      const next = Math.min(...this.#steps.map((step) => step.at), ...dueAt, until);
      this.now = Math.max(this.now, next);
      const ready = this.#steps.filter((step) => step.at <= this.now);
      this.#steps = this.#steps.filter((step) => step.at > this.now);
      for (const step of ready) step.run();
      if (next >= until && ready.length === 0) return;
    }
  }

  #beat(host: string, guard: GuardCore): void {
    if (this.guards.get(host) !== guard) return;
    if (!this.frozen.has(host)) guard.beat();
    this.#after(timings.heartbeatMs, () => this.#beat(host, guard));
  }

  #send(from: string, to: string, message: GuardMessage): void {
    this.sent.push({ from, to, message });
    if (this.cut.has(`${from}>${to}`)) return;
    this.#after(wireMs, () => this.#deliver(from, to, message));
  }

  #deliver(from: string, to: string, message: GuardMessage): void {
    // What reaches a frozen process waits in its sockets.
    if (this.frozen.has(to)) return this.#after(wireMs, () => this.#deliver(from, to, message));
    const reply = this.guards.get(to)?.hear(from, message);
    if (reply) this.#send(to, from, reply);
  }

  #after(ms: number, run: () => void): void {
    this.#steps.push({ at: this.now + ms, run });
  }
}

/** The feed of `shop`'s member on host a, b or c: a holds epoch 1 and serves, one of the others must promise. */
export function feedOf(host: string, more: Partial<MemberFeed> = {}): MemberFeed {
  const holds = more.holds ?? host === "a";
  return {
    cluster: "shop",
    member: `shop-${host}`,
    epoch: 1,
    holds,
    open: holds,
    released: false,
    rules: [{ voters: [voterOf("b"), voterOf("c")], acks: 1 }],
    voter: voterOf(host),
    votedFor: null,
    voterHosts: ["a", "b", "c"].filter((name) => name !== host),
    postmaster: { pid: 100 + host.charCodeAt(0), isPrimary: holds, dataDirectory: `/data/${host}` },
    held: [],
    ...more,
  };
}

export function voterOf(host: string) {
  return { member: `shop-${host}`, incarnation: 1 };
}
