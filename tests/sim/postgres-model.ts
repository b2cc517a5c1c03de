/**
 * One member's Postgres, as faithful as the protocol needs: a log that is written before it is flushed, streams,
 * commits that wait for standbys by the names in force, crashes that lose the tail, promotions that choose the next
 * free timeline. Driven by execute.ts and by faults.ts; observed through `observe`.
 */
import { formatSyncNames, noVoters, voterName, type CommitRule } from "../../src/domain/rule.ts";
import type { RunningServer, Server } from "../../src/domain/server.ts";
import { append, atDepth, contains, usualConnections, type LogRecord } from "./log.ts";
import { Stream } from "./streams.ts";
import { Part } from "./time.ts";
import type { World } from "./world.ts";

/** A data directory. What is here survives a crash; `tip` past `flushed` may not. */
export interface Directory {
  tip: LogRecord;
  flushed: LogRecord;
  replayed: LogRecord;
  /** highest timeline of which a history file is there */
  highestTimeline: number;
  slots: ReadonlySet<string>;
  /** depth of the oldest record still on disk */
  keptFrom: number;
  clean: boolean;
  wasPrimary: boolean;
  damaged: boolean;
  /** what its control file says that the primary had */
  connections: number;
}

interface Waiter {
  readonly record: LogRecord;
  readonly done: (outcome: "acknowledged" | "unknown") => void;
}

export class PgServer {
  readonly member: string;
  readonly host: string;
  readonly part: Part;
  dir: Directory | undefined;
  state: "stopped" | "starting" | "running" = "stopped";
  role: "primary" | "standby" = "standby";
  /** the epoch whose holder made it a primary */
  epoch = 0;
  incarnation = 1;
  /** of Postgres, as its record named it at the last start */
  version: string | undefined;
  /** settings that it should have, by the newest spec that its agent knows */
  wanted = { generation: 1, settings: "{}" };
  filesSay = "{}";
  /** a setting that binds standbys, as the server runs with it */
  connections = usualConnections;
  /** it has met log of a primary that has more, and replays no further */
  tooLow = false;
  names: CommitRule = noVoters;
  /** whether backends wait at all: the checkpointer's copy of the names */
  waits = false;
  upstream: string | null = null;
  receiver: Stream | undefined;
  readonly senders = new Set<Stream>();
  flushStuck = false;
  diskFull = false;
  failures = 0;
  stopping = false;
  #stoppingSince = 0;
  /** the newest commit that a session can see: acknowledged, or in the log when it became the primary */
  visible: LogRecord | undefined;
  /** a fault removed WAL that slots should have kept */
  walLost = false;
  /** its member joined later */
  added = false;
  #since = 0;
  #runningSince = 0;
  #notStreamingSince: number | undefined;
  #flushStuckSince: number | undefined;
  #frozenSince: number | undefined;
  #walMissing = false;
  #waiters: Waiter[] = [];
  #unflushed: Waiter[] = [];
  #released = -1;
  #connected = 0;
  #served = 0;
  #lastSeen: RunningServer | undefined;
  readonly #world: World;

  constructor(world: World, member: string, host: string) {
    this.#world = world;
    this.member = member;
    this.host = host;
    this.part = new Part(world.scheduler);
    this.part.alive = false;
  }

  get streamName(): string {
    const incarnation = this.#world.wiring.switches.has("incarnation-not-in-stream-name") ? 1 : this.incarnation;
    return voterName({ member: this.member, incarnation });
  }

  /** A client's session begins. @returns its end */
  join(): () => void {
    this.#connected += 1;
    this.#served += 1;
    const { life } = this.part;
    let left = false;
    return () => {
      if (!left && this.part.life === life) this.#connected -= 1;
      left = true;
    };
  }

  get serves(): boolean {
    return this.state === "running" && this.role === "primary" && !this.stopping;
  }

  #now(): number {
    return this.#world.host(this.host).clock.now();
  }

  // Starting and ending

  start(role: "primary" | "standby", options: { epoch: number; names: CommitRule; upstream: string | null }): void {
    if (!this.dir || this.state !== "stopped") return;
    this.part.start();
    this.state = "starting";
    this.role = role;
    this.names = options.names;
    this.epoch = role === "primary" ? options.epoch : 0;
    this.upstream = options.upstream;
    this.connections = this.#connectionsFor(role, this.dir);
    this.tooLow = false;
    this.#since = this.#now();
    this.#lastSeen = undefined;
    this.part.after(this.#world.random.between(40, 250), () => this.#comeUp());
    this.#world.changed(this.member);
  }

  /** As the driver does: at least what the log was written with that is to be replayed. */
  #connectionsFor(role: "primary" | "standby", dir: Directory): number {
    const wanted = connectionsIn(this.wanted.settings);
    const isBound = role === "standby" && !this.#world.wiring.switches.has("standby-starts-with-less");
    return isBound ? Math.max(wanted, dir.connections) : wanted;
  }

  /** Source: CheckRequiredParameterValues() in xlogrecovery.c; the control file is written first. */
  #meets(record: LogRecord): boolean {
    if (!this.dir || this.role === "primary" || record.connections <= this.connections) return true;
    this.dir.connections = record.connections;
    return false;
  }

  #comeUp(): void {
    const { dir } = this;
    if (dir && !this.#meets(dir.tip)) {
      this.failures += 1;
      this.crash(false);
      return;
    }
    if (!dir || dir.damaged || this.diskFull || this.#isUnfit()) {
      this.failures += 1;
      this.crash(false);
      return;
    }
    this.state = "running";
    this.waits = this.names.voters.length > 0;
    this.#released = -1;
    this.#walMissing = false;
    this.#runningSince = this.#notStreamingSince = this.#now();
    this.#flushStuckSince = undefined;
    dir.replayed = dir.flushed = dir.tip;
    dir.wasPrimary = this.role === "primary";
    dir.clean = false;
    this.part.after(1500, () => (this.failures = 0));
    if (this.role === "primary") {
      this.visible = dir.tip;
      dir.connections = this.connections;
      this.#world.checker.becamePrimary(this, dir.tip);
      this.#write(undefined);
    } else this.#connectSoon();
    this.#world.changed(this.member);
  }

  /** It does not run on the version that it was started with. */
  #isUnfit(): boolean {
    return this.version !== undefined && this.#world.unfit.get(this.member) === this.version;
  }

  /** The process ends at once: the log past the last flush may be lost, in part or whole. */
  crash(counts = true): void {
    if (this.state === "stopped") return;
    const { dir, state } = this;
    if (state === "starting" && counts) this.failures += 1;
    this.part.kill();
    if (dir) {
      const kept = this.#world.random.int(dir.flushed.depth, dir.tip.depth);
      dir.tip = dir.flushed = atDepth(dir.tip, kept) ?? dir.flushed;
      dir.clean = false;
    }
    this.#ended();
    for (const waiter of [...this.#waiters, ...this.#unflushed]) waiter.done("unknown");
    this.#waiters = [];
    this.#unflushed = [];
    this.#world.changed(this.member);
  }

  #ended(): void {
    this.#connected = 0;
    this.state = "stopped";
    this.stopping = false;
    this.#since = this.#now();
    this.#frozenSince = undefined;
    for (const stream of this.senders) stream.endSender();
    this.receiver?.endReceiver();
    this.receiver = undefined;
  }

  /** A fast stop: sessions end, walsenders hand everything over, then the process goes. */
  stop(done: () => void): void {
    if (this.state !== "running") {
      this.crash();
      return done();
    }
    this.stopping = true;
    this.#stoppingSince = this.#now();
    for (const waiter of this.#waiters) waiter.done("unknown");
    this.#waiters = [];
    if (this.role === "primary") this.#write(undefined);
    const poll = (): void => {
      const { dir } = this;
      if (!dir || this.state !== "running") return done();
      const flushed = dir.flushed === dir.tip;
      const handedOver = [...this.senders].every((stream) => stream.flushed?.depth === dir.tip.depth);
      if (!flushed || !(handedOver || this.role === "standby")) return this.part.after(10, poll);
      dir.clean = true;
      this.part.kill();
      this.#ended();
      this.failures = 0;
      this.#world.changed(this.member);
      done();
    };
    this.part.after(this.#world.random.between(30, 120), poll);
  }

  freeze(): void {
    if (this.state === "stopped" || this.part.frozen) return;
    this.#lastSeen = this.state === "running" ? this.#running() : undefined;
    this.part.freeze();
    this.#frozenSince = this.#now();
    this.#world.changed(this.member);
  }

  thaw(): void {
    this.part.thaw();
    this.#frozenSince = undefined;
    this.#world.changed(this.member);
  }

  // Writing

  /** A client's commit. `done` is called when it is acknowledged, or when its session ends without a word. */
  commit(write: number | undefined, done: (outcome: "acknowledged" | "unknown") => void): void {
    if (!this.serves || !this.dir) return done("unknown");
    if (this.diskFull) {
      this.crash();
      return done("unknown");
    }
    this.#unflushed.push({ record: this.#write(write), done });
  }

  #write(write: number | undefined): LogRecord {
    const dir = this.dir!;
    const { connections } = this;
    const bytes = this.#world.random.int(40, 9000);
    dir.tip = append(dir.tip, dir.tip.timeline, bytes, write === undefined ? { connections } : { write, connections });
    this.#flushSoon();
    return dir.tip;
  }

  /** Some traffic that nobody waits for. */
  writeNoise(): void {
    if (this.serves && this.dir && !this.diskFull) this.#write(undefined);
  }

  #flushSoon(): void {
    this.part.after(this.#world.random.between(0.2, 3), () => this.#flush());
  }

  #flush(): void {
    const { dir } = this;
    if (!dir || dir.flushed === dir.tip) return;
    if (this.flushStuck) {
      this.#flushStuckSince ??= this.#now();
      return this.part.after(50, () => this.#flush());
    }
    this.#flushStuckSince = undefined;
    dir.flushed = dir.tip;
    if (this.role === "standby") this.receiver?.reply();
    for (const stream of this.senders) stream.pump();
    if (this.role === "standby") {
      const end = dir.flushed;
      this.part.after(this.#world.random.between(0, 15), () => {
        if (this.dir !== dir || !contains(dir.flushed, end) || end.depth <= dir.replayed.depth) return;
        if (this.#meets(end)) dir.replayed = end;
        else this.#standStill();
      });
      return;
    }
    dir.replayed = dir.flushed;
    const flushed = this.#unflushed;
    this.#unflushed = [];
    for (const waiter of flushed) this.#await(waiter);
  }

  #standStill(): void {
    if (this.tooLow) return;
    this.tooLow = true;
    this.#world.changed(this.member);
  }

  #await(waiter: Waiter): void {
    if (!this.waits || waiter.record.depth <= this.#released) this.#acknowledge(waiter);
    else this.#waiters.push(waiter);
  }

  #acknowledge(waiter: Waiter): void {
    if (waiter.record.depth > (this.visible?.depth ?? 0)) this.visible = waiter.record;
    waiter.done("acknowledged");
  }

  #release(upTo: number): void {
    if (upTo <= this.#released) return;
    this.#released = upTo;
    const free = this.#waiters.filter((waiter) => waiter.record.depth <= upTo);
    this.#waiters = this.#waiters.filter((waiter) => waiter.record.depth > upTo);
    for (const waiter of free) this.#acknowledge(waiter);
  }

  /** A walsender releases waiters by the names as it has read them itself (SyncRepReleaseWaiters). */
  hearFlush(stream: Stream): void {
    const rule = stream.names;
    if (this.role !== "primary" || !rule.voters.some((voter) => voterName(voter) === stream.name)) return;
    const wanted = new Set(rule.voters.map(voterName));
    const best = new Map<string, number>();
    for (const other of this.senders)
      if (wanted.has(other.name) && other.flushed)
        best.set(other.name, Math.max(best.get(other.name) ?? 0, other.flushed.depth));
    const depths = [...best.values()].sort((a, b) => b - a);
    const upTo = depths[rule.acks - 1];
    if (upTo !== undefined) this.#release(upTo);
  }

  /** Writes the names and reloads: each process reads them in its own time. `done` when all have. */
  setNames(rule: CommitRule, done: () => void): void {
    this.names = rule;
    let latest = 0;
    const later = (step: () => void): void => {
      const delayMs = this.#world.random.between(1, this.#world.random.chance(0.1) ? 400 : 30);
      latest = Math.max(latest, delayMs);
      this.part.after(delayMs, step);
    };
    for (const stream of this.senders)
      later(() => {
        stream.names = rule;
        if (stream.senderOpen) this.hearFlush(stream);
        this.#world.checker.rulesChanged();
      });
    later(() => {
      this.waits = rule.voters.length > 0;
      if (!this.waits) this.#release(Number.MAX_SAFE_INTEGER);
      if (this.waits) this.#released = -1;
      this.#world.checker.rulesChanged();
    });
    this.part.after(this.#world.wiring.switches.has("reload-not-awaited") ? 1 : latest + 1, done);
  }

  // Following

  setUpstream(upstream: string | null): void {
    if (this.upstream === upstream) return;
    this.upstream = upstream;
    this.#walMissing = false;
    this.part.after(this.#world.random.between(5, 60), () => {
      if (this.receiver && this.receiver.upstream.member !== this.upstream) this.receiver.endReceiver();
      if (this.upstream !== null) this.#connectSoon();
      this.#world.changed(this.member);
    });
  }

  lostReceiver(): void {
    this.receiver = undefined;
    this.#notStreamingSince = this.#now();
    this.#connectSoon();
    this.#world.changed(this.member);
  }

  #connectSoon(): void {
    this.part.after(this.#world.random.between(20, 120), () => this.#connect());
  }

  #connect(): void {
    if (this.state !== "running" || this.role !== "standby" || this.receiver || this.upstream === null) return;
    const upstream = this.#world.server(this.upstream);
    const there = this.#world.network.delay(this.host, upstream?.host ?? this.host);
    const back = upstream && this.#world.network.delay(upstream.host, this.host);
    if (!upstream || there === undefined || back === undefined) return this.#connectSoon();
    const asked = this.upstream;
    upstream.part.after(there, () => {
      this.part.after(back, () => {
        if (this.upstream === asked && this.state === "running" && !this.receiver) this.#handshake(upstream);
      });
    });
    if (!upstream.part.alive || upstream.part.frozen) this.#connectSoon();
  }

  #handshake(upstream: PgServer): void {
    const { dir } = this;
    const end = upstream.dir?.flushed;
    if (!dir || !end || upstream.state !== "running" || upstream.stopping || !contains(end, dir.tip))
      return this.#connectSoon();
    this.#walMissing = dir.tip.depth < (upstream.dir?.keptFrom ?? 0);
    if (this.#walMissing) {
      this.#world.checker.walMissing(this, upstream);
      this.#world.changed(this.member);
      return this.#connectSoon();
    }
    dir.highestTimeline = Math.max(dir.highestTimeline, upstream.dir?.highestTimeline ?? 0);
    this.receiver = new Stream(this.#world, upstream, this, dir.tip);
    upstream.senders.add(this.receiver);
    this.#notStreamingSince = undefined;
    this.receiver.pump();
    this.#world.changed(this.member);
    this.#world.changed(upstream.member);
  }

  /** WAL arrives; it counts once it is flushed. */
  receive(end: LogRecord, stream: Stream): void {
    const { dir } = this;
    if (!dir || end.depth <= dir.tip.depth || !contains(end, dir.tip)) return;
    if (this.diskFull) return this.crash();
    dir.tip = end;
    dir.highestTimeline = Math.max(dir.highestTimeline, end.timeline);
    this.part.after(this.#world.random.between(0.2, 4), () => {
      this.#flush();
      for (const other of this.senders) if (other !== stream) other.pump();
    });
  }

  // Promoting

  /** @returns the timeline that Postgres chose, through `done`, once recovery has ended */
  promote(epoch: number, rule: CommitRule, planted: number, done: () => void): void {
    const { dir } = this;
    if (!dir || this.state !== "running" || this.role !== "standby") return;
    dir.highestTimeline = Math.max(dir.highestTimeline, planted);
    this.names = rule;
    this.part.after(this.#world.random.between(25, 110), () => {
      if (this.role === "primary") return done();
      if (this.tooLow || !this.#meets(dir.tip)) return this.#standStill();
      dir.connections = this.connections;
      dir.flushed = dir.replayed = dir.tip;
      const timeline = Math.max(dir.highestTimeline, dir.tip.timeline) + 1;
      dir.highestTimeline = timeline;
      this.role = "primary";
      this.epoch = epoch;
      this.visible = dir.tip;
      this.waits = rule.voters.length > 0;
      this.#released = -1;
      for (const stream of this.senders) stream.names = rule;
      dir.wasPrimary = true;
      this.receiver?.endReceiver();
      this.upstream = null;
      const end = dir.tip;
      dir.tip = append(end, timeline, 100, { connections: this.connections });
      this.#flushSoon();
      this.#world.checker.promoted(this, timeline);
      this.#world.checker.becamePrimary(this, end);
      this.#world.changed(this.member);
      done();
    });
  }

  /** A directory that was copied or rewound: it is a standby's, and has what its source had flushed. */
  replaceDirectory(source: Directory): void {
    const end = source.flushed;
    this.dir = {
      ...source,
      tip: end,
      flushed: end,
      replayed: end,
      slots: new Set(),
      keptFrom: end.depth,
      clean: true,
      wasPrimary: false,
      damaged: false,
    };
    this.failures = 0;
    this.#since = this.#now();
    this.#world.changed(this.member);
  }

  /** Removes WAL that no slot keeps back. */
  recycle(): void {
    const { dir } = this;
    if (!dir || this.state !== "running" || this.part.frozen) return;
    const streams = [...this.senders];
    const streamsTo = (member: string): boolean => streams.some((stream) => stream.standby.member === member);
    if ([...dir.slots].some((member) => !streamsTo(member))) return;
    const kept = streams.map((stream) => stream.flushed?.depth ?? 0);
    dir.keptFrom = Math.max(dir.keptFrom, Math.min(dir.flushed.depth, ...kept));
  }

  // Observing

  observe(): Server {
    if (!this.dir) return { kind: "absent" };
    if (this.state === "stopped") return this.#stopped(this.dir);
    if (this.part.frozen && this.#frozenSince !== undefined) {
      if (this.#now() - this.#frozenSince < 250 && this.#lastSeen) return this.#lastSeen;
      return { kind: "unresponsive", role: this.role, since: this.#frozenSince };
    }
    if (this.state === "starting") return { kind: "starting", asPrimary: this.role === "primary", since: this.#since };
    // It lets nobody in any more, and what asked it before is gone.
    if (this.stopping) return { kind: "unresponsive", role: this.role, since: this.#stoppingSince };
    return this.#running();
  }

  #stopped(dir: Directory): Server {
    return {
      kind: "stopped",
      clean: dir.clean,
      wasPrimary: dir.wasPrimary,
      timeline: dir.tip.timeline,
      end: dir.clean ? dir.tip.lsn : undefined,
      since: this.#since,
      failures: this.failures,
      damaged: dir.damaged,
    };
  }

  #running(): RunningServer {
    const dir = this.dir!;
    const streaming = this.receiver?.streaming === true;
    return {
      kind: "running",
      role: this.role,
      since: this.#runningSince,
      timeline: dir.tip.timeline,
      flushed: dir.flushed.lsn,
      replayed: dir.replayed.lsn,
      upstream: this.upstream,
      receiving: this.receiver !== undefined,
      streaming,
      ...(this.version === undefined ? {} : { version: this.version }),
      notStreamingSince: streaming ? undefined : (this.#notStreamingSince ?? this.#runningSince),
      walMissing: this.#walMissing,
      syncNames: formatSyncNames(this.names),
      standbys: [...this.senders].map((stream) => ({
        name: stream.name,
        state: stream.streaming ? "streaming" : "startup",
        isSync: true,
        flushed: stream.flushed?.lsn,
        replayed: stream.replayed?.lsn,
      })),
      slots: [...dir.slots].sort(),
      flushStuckSince: this.#flushStuckSince,
      pendingRestart: false,
      ...(this.tooLow ? { settingsTooLow: true } : {}),
      configured: this.filesSay === this.wanted.settings ? this.wanted.generation : 0,
      clients: { connected: this.#connected, served: this.#served },
    };
  }
}

function connectionsIn(settings: string): number {
  const parsed: unknown = JSON.parse(settings);
  const named = typeof parsed === "object" && parsed !== null && "max_connections" in parsed;
  return named ? Number(parsed.max_connections) : usualConnections;
}
