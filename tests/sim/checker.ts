/**
 * Gathers what the models do and holds the core's invariants against it. The first broken one ends the run. Sees true
 * time and every model's inside, which no agent does.
 */
import {
  i1NothingLost,
  i2OneHolder,
  i2OnlyTheHolder,
  i3OneAcknowledges,
  i4NoStaleRead,
  i5OneTimelineEach,
  i8SetsMeet,
  i9LastGoodCopy,
  i10ReplicaStaysOut,
  i11SleepEndsNobody,
  i12CascadedHasNoSay,
  i13KeptBeforeItGoes,
  type Broken,
  type Served,
} from "../../src/core/invariants.ts";
import { isCascaded, mayVote } from "../../src/core/regions.ts";
import type { ClusterRecord } from "../../src/domain/cluster.ts";
import type { CommitRule } from "../../src/domain/rule.ts";
import { contains, type LogRecord } from "./log.ts";
import type { PgServer } from "./postgres-model.ts";
import type { World } from "./world.ts";

/** After a whole host was frozen its guard needs a moment to run at all (I4: "given that its guard runs"). */
const thawMs = 100;
/** A record that is on its way for longer than this has an outcome that nobody waits for. */
const lateMs = 5000;

export class BrokenInvariant extends Error {
  readonly invariant: string;
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export class Checker {
  readonly acknowledged: { readonly write: number; readonly record: LogRecord; readonly epoch: number }[] = [];
  readonly holders = new Map<number, string>();
  /** epochs whose holder has let clients in; before that only those on a member's own port reach it */
  readonly #opened = new Set<number>();
  readonly #promoted = new Map<number, string>();
  readonly #begun: { readonly epoch: number; readonly member: string; readonly log: LogRecord }[] = [];
  /** by epoch: the newest commit that a client has read */
  readonly #seen = new Map<number, LogRecord>();
  #newest: Served | undefined;
  readonly #couldVoteAt = new Map<string, number>();
  failovers = 0;
  /** ends of the logs that are kept as snapshots */
  readonly #kept: LogRecord[] = [];
  /** when a switchover was last asked for, moved the epoch or ended (I7) */
  switchoverAt: number | undefined;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  broken(invariant: string, message: string): never {
    throw new BrokenInvariant(invariant, message);
  }

  #hold(invariant: string, broken: Broken): void {
    if (broken !== undefined) this.broken(invariant, broken);
  }

  get #durable(): boolean {
    return !this.#world.mayLose;
  }

  stored(before: ClusterRecord, after: ClusterRecord): void {
    this.#hold("I2", i2OneHolder(before.reign.value, after.reign.value));
    if (after.sleep?.value.phase === "asleep" && before.sleep?.value.phase !== "asleep") this.#asleep();
    const cascaded = Object.keys(after.members).filter((member) => isCascaded(after, member));
    if (cascaded.length > 0) this.#hold("I12", i12CascadedHasNoSay(after, new Set(cascaded)));
    this.#hold("I10", i10ReplicaStaysOut(before, after, this.#couldVote(before)));
    if (isSwitchover(before) || isSwitchover(after)) this.switchoverAt = this.#world.scheduler.now;
    const { epoch, holder } = after.reign.value;
    if (epoch !== before.reign.value.epoch) {
      if (before.pause && before.pause.value.until > this.#world.scheduler.now)
        this.broken("P11", `epoch ${epoch} began while automation was paused`);
      this.holders.set(epoch, holder);
      this.failovers += 1;
    }
    const { reign, rule } = after;
    if (reign.value.phase === "open") this.#opened.add(epoch);
    if (before.rule !== rule || before.reign !== reign)
      this.#world.trace(
        "store",
        `epoch ${epoch} "${holder}" ${reign.value.phase} (${reign.value.how}), rule ${rule.value.rule.acks} of [${rule.value.rule.voters.map((v) => `${v.member}.${v.incarnation}`).join(" ")}], ${rule.value.previous.length} before`,
      );
    this.rulesChanged();
  }

  /** I11: sleep ends nobody's session at an endpoint. */
  #asleep(): void {
    this.#world.sleeps += 1;
    const hosts = [...this.#world.hosts.values()].map(({ id, endpoint }) => ({
      host: id,
      sessions: endpoint.sessions,
    }));
    this.#hold("I11", i11SleepEndsNobody(hosts));
  }

  /** Those that can, and those that could until lately: what is written now may have been decided before. */
  #couldVote(record: ClusterRecord): ReadonlySet<string> {
    const { now } = this.#world.scheduler;
    for (const member of Object.keys(record.members)) if (mayVote(record, member)) this.#couldVoteAt.set(member, now);
    return new Set([...this.#couldVoteAt].filter(([, at]) => now - at < lateMs).map(([member]) => member));
  }

  /** I8: looked at whenever the store's rule or a process's names change. */
  rulesChanged(): void {
    if (!this.#durable) return;
    const { record } = this.#world.store;
    for (const host of this.#world.hosts.values()) {
      const { server } = host;
      if (!server.serves || server.epoch !== record.reign.value.epoch) continue;
      const inForce: CommitRule[] = [...server.senders].map((stream) => stream.names);
      if (!server.waits) inForce.push({ voters: [], acks: 0 });
      const primary = { member: server.member, incarnation: server.incarnation };
      this.#hold(
        "I8",
        i8SetsMeet(
          record.rule.value,
          inForce.filter((rule) => rule.acks > 0 || !server.waits),
          primary,
        ),
      );
    }
  }

  promoted(server: PgServer, timeline: number): void {
    this.#hold("I5", i5OneTimelineEach(timeline, this.#promoted));
    this.#promoted.set(timeline, server.member);
    this.#world.trace(server.member, `postgres: promoted on timeline ${timeline}`);
  }

  becamePrimary(server: PgServer, log: LogRecord): void {
    const served = this.#served(server);
    this.#world.trace(server.member, `postgres: primary of epoch ${server.epoch}`);
    this.#hold("I2", i2OnlyTheHolder(served, this.holders));
    this.#begun.push({ epoch: server.epoch, member: server.member, log });
    if (this.#durable) this.#hold("I1", i1NothingLost(this.#writes(server.epoch), writesIn(log), served));
    for (const [epoch, seen] of this.#seen)
      if (this.#durable && epoch <= server.epoch && !contains(log, seen))
        this.broken(
          "I1",
          `primary "${server.member}" of epoch ${server.epoch} lacks a write that was read in epoch ${epoch}`,
        );
  }

  acknowledge(server: PgServer, write: number, record: LogRecord): void {
    this.acknowledged.push({ write, record, epoch: server.epoch });
    const served = this.#served(server);
    if (!this.#durable) return;
    for (const later of this.#begun)
      if (later.epoch > served.epoch)
        this.#hold("I1", i1NothingLost([write], writesIn(later.log), { ...served, ...later }));
    if (!this.#excused(server)) this.#hold("I3", i3OneAcknowledges(served, this.#newest));
    if (!this.#newest || served.epoch > this.#newest.epoch) this.#newest = served;
  }

  /** @param visible the newest commit that the reader could see */
  read(server: PgServer, visible: LogRecord | undefined): void {
    const served = this.#served(server);
    if (!this.#durable) return;
    if (!this.#excused(server)) this.#hold("I4", i4NoStaleRead(served, this.#newest));
    if (!visible || !this.#opened.has(server.epoch)) return;
    const before = this.#seen.get(server.epoch);
    if (!before || visible.depth > before.depth) this.#seen.set(server.epoch, visible);
  }

  /** P10: a slot keeps what its member still needs; only a copy begins with less. For a cascaded one its upstream keeps it. */
  walMissing(standby: PgServer, upstream: PgServer): void {
    if (isCascaded(this.#world.store.record, standby.member)) return;
    if (upstream.incarnation > 1 || upstream.walLost || !this.#world.calmStart) return;
    if (standby.added || this.#world.mayLose) return;
    this.broken("P10", `"${upstream.member}" removed log that "${standby.member}" needs, in spite of its slot`);
  }

  #excused(server: PgServer): boolean {
    const host = this.#world.host(server.host);
    return (
      !this.#opened.has(server.epoch) || !host.guard.isInCharge || this.#world.scheduler.now < host.thawedAt + thawMs
    );
  }

  rebuildBegins(member: string, source: PgServer, sourceName: string): void {
    const { reign } = this.#world.store.record;
    // A source that has failed since the decision makes the copy fail by itself.
    if (source.state !== "running" || source.part.frozen || reign.value.holder !== sourceName) return;
    this.#hold("I9", i9LastGoodCopy(member, source.role === "primary", []));
  }

  /** @param acknowledged how many writes were acknowledged when the copy began: it must have all of them */
  directoryReplaced(member: string, source: PgServer, acknowledged: number): void {
    if (!this.#durable || !source.dir) return;
    const has = writesIn(source.dir.flushed);
    const missing = this.#writes()
      .slice(0, acknowledged)
      .filter((write) => !has.has(write));
    this.#hold("I9", i9LastGoodCopy(member, true, missing));
  }

  /** I13: its directory is about to go. @param keeps as a snapshot first */
  directoryGoes(going: PgServer, keeps: boolean): void {
    const { wasAsync, store } = this.#world;
    if (keeps && going.dir) this.#kept.push(going.dir.flushed);
    const primary = this.#world.server(store.record.reign.value.holder);
    if (wasAsync || !going.dir || going.dir.damaged || !primary?.dir) return;
    const elsewhere = [primary.dir.flushed, ...this.#kept].map((end) => writesIn(end));
    const own = writesIn(going.dir.flushed);
    const onlyThere = this.#writes().filter((write) => own.has(write) && !elsewhere.some((log) => log.has(write)));
    this.#hold("I13", i13KeptBeforeItGoes(going.member, onlyThere));
  }

  /** At the end: the log that everybody follows has every acknowledged write. */
  finalLog(primary: PgServer): void {
    if (!this.#durable || !primary.dir) return;
    this.#hold("I1", i1NothingLost(this.#writes(), writesIn(primary.dir.flushed), this.#served(primary)));
  }

  /** acknowledged in this epoch or an earlier one */
  #writes(epoch = Infinity): readonly number[] {
    return this.acknowledged.filter((ack) => ack.epoch <= epoch).map((ack) => ack.write);
  }

  #served(of: PgServer): Served {
    return { member: of.member, epoch: of.epoch, at: this.#world.scheduler.now };
  }
}

function isSwitchover({ intent }: ClusterRecord): boolean {
  return intent?.value.kind === "switchover";
}

export function writesIn(end: LogRecord): ReadonlySet<number> {
  const writes = new Set<number>();
  for (let record: LogRecord | undefined = end; record; record = record.before)
    if (record.write !== undefined) writes.add(record.write);
  return writes;
}
