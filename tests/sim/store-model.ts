/**
 * The store: one linearizable map with revisions. It can be down, or between two leaders; then a write that has
 * reached it may be applied late, and its sender never knows. Used by agents and by the operator.
 */
import type {
  ClusterRecord,
  ClusterTxn,
  RecordKey,
  RecordValue,
  Versioned,
  MemberRecord,
  Vote,
} from "../../src/domain/cluster.ts";
import type { World } from "./world.ts";

export type CommitOutcome = "committed" | "refused" | "failed" | "unknown";

const deadlineMs = 1000;

export class StoreModel {
  record: ClusterRecord;
  /** up: answers. electing: keeps what reaches it, or drops it. down: hears nothing */
  state: "up" | "electing" | "down" = "up";
  readonly #world: World;
  #waiting: (() => void)[] = [];

  constructor(world: World, first: ClusterRecord) {
    this.#world = world;
    this.record = first;
  }

  setState(state: "up" | "electing" | "down"): void {
    this.state = state;
    if (state !== "up") return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const apply of waiting) this.#world.scheduler.after(this.#world.random.between(1, 30), apply);
  }

  /** A linearizable read. @param done gets undefined when no answer came in time */
  read(host: string, done: (record: ClusterRecord | undefined) => void): void {
    this.#exchange(
      host,
      () => this.record,
      (record) => done(record === "unsent" ? undefined : record),
    );
  }

  commit(host: string, txn: ClusterTxn, done: (outcome: CommitOutcome, record?: ClusterRecord) => void): void {
    let after: ClusterRecord | undefined;
    this.#exchange<CommitOutcome>(
      host,
      () => {
        const outcome = this.apply(txn) ? "committed" : "refused";
        after = this.record;
        return outcome;
      },
      (outcome) => {
        if (outcome === "unsent") return done("failed");
        done(outcome ?? "unknown", outcome === undefined ? undefined : after);
      },
    );
  }

  /** One request and its answer; undefined when no answer came in time. */
  #exchange<T>(host: string, apply: () => T, done: (answer: T | undefined | "unsent") => void): void {
    const { scheduler, network } = this.#world;
    let ended = false;
    const end = (answer: T | undefined | "unsent"): void => {
      if (ended) return;
      ended = true;
      done(answer);
    };
    const there = network.delay(host, "store");
    if (there === undefined || this.state === "down") {
      scheduler.after(this.#world.random.between(5, 300), () => end("unsent"));
      return;
    }
    scheduler.after(deadlineMs, () => end(undefined));
    const serve = (): void => {
      const answer = apply();
      network.send("store", host, () => end(answer));
    };
    scheduler.after(there + this.#world.random.between(0.3, 3), () => {
      if (this.state === "up") serve();
      else if (this.state === "electing" && this.#world.random.chance(0.5)) this.#waiting.push(serve);
    });
  }

  /** All or nothing. @returns whether it was written */
  apply(txn: ClusterTxn): boolean {
    const { record } = this;
    const { switches } = this.#world.wiring;
    const changed = txn.require.filter(({ key, revision }) => revisionOf(record, key) !== revision);
    const heeded = switches.has("pause-not-required") ? changed.filter(({ key }) => key !== "pause") : changed;
    if (heeded.length > 0 && !switches.has("store-ignores-requirements")) return false;
    const before = this.record;
    this.record = written(record, txn);
    this.#world.checker.stored(before, this.record);
    this.#announce();
    return true;
  }

  /** Watches: everybody who can be reached hears of the new revision. */
  #announce(): void {
    const { record } = this;
    for (const host of this.#world.hosts.values())
      this.#world.network.send("store", host.id, () => host.agent.hearStore(record));
  }
}

function revisionOf(record: ClusterRecord, key: RecordKey): number {
  if (key.startsWith("member/")) return record.members[key.slice(7)]?.revision ?? 0;
  if (key.startsWith("vote/")) return record.votes[key.slice(5)]?.revision ?? 0;
  return record[key as "spec"]?.revision ?? 0;
}

function written(record: ClusterRecord, txn: ClusterTxn): ClusterRecord {
  const revision = record.revision + 1;
  const members: Record<string, Versioned<MemberRecord>> = { ...record.members };
  const votes: Record<string, Versioned<Vote>> = { ...record.votes };
  const single: Record<string, Versioned<RecordValue> | undefined> = {};
  for (const { key, value } of txn.write) {
    const next = value === null ? undefined : { value, revision };
    if (key.startsWith("member/")) put(members, key.slice(7), next as Versioned<MemberRecord> | undefined);
    else if (key.startsWith("vote/")) put(votes, key.slice(5), next as Versioned<Vote> | undefined);
    else single[key] = next;
  }
  return { ...record, ...single, members, votes, revision };
}

function put<T>(into: Record<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) delete into[key];
  else into[key] = value;
}
