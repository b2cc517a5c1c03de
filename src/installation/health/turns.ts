/** When each epoch's holder began to serve, from the events: records have no times. Asked by tell.ts at every look. */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import type { Parts } from "../parts.ts";
import type { HealthContext, Turn } from "./words.ts";

/** Events of other hosts come later, and old ones are gone for good. */
const lookEveryMs = 5000;
const eventsAtOnce = 200;

interface Known {
  readonly turns: ReadonlyMap<number, Turn>;
  /** of the newest timeline when they were read */
  readonly epoch: number;
  /** monotonic */
  readonly readAt: number;
}

export class Turns {
  readonly #parts: Pick<Parts, "clock" | "events">;
  readonly #known = new Map<string, Known>();

  constructor(parts: Pick<Parts, "clock" | "events">) {
    this.#parts = parts;
  }

  of({ name, record }: Pick<ClusterRuntime, "name" | "record">): HealthContext["turnOf"] {
    const epochs = record.timelines.value.flatMap(({ parent, epoch }) => (parent === null ? [] : [epoch]));
    const epoch = Math.max(0, ...epochs);
    const before = this.#known.get(name);
    const now = this.#parts.clock.now();
    const isMissed = before === undefined || epochs.some((one) => !before.turns.has(one));
    const isDue = before === undefined || before.epoch !== epoch || now - before.readAt >= lookEveryMs;
    const known =
      before !== undefined && !(isMissed && isDue) ? before : { turns: this.#read(record), epoch, readAt: now };
    this.#known.set(name, known);
    return (one) => known.turns.get(one);
  }

  /** Not those of one that had the name before. */
  #read({ spec }: ClusterRecord): ReadonlyMap<number, Turn> {
    const { name: cluster, createdAt: since } = spec.value;
    const kinds = ["failover.done", "switchover.done", "primary.restarted"] as const;
    const found = kinds.flatMap((type) => this.#parts.events.list({ cluster, type, since, limit: eventsAtOnce }));
    return new Map(
      found.flatMap(({ at, epoch, member }) =>
        epoch === null || member === null ? [] : [[epoch, { at, holder: member }] as const],
      ),
    );
  }
}
