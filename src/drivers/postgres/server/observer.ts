/**
 * Looks at one server: the process, the directory, and through one lasting session the server's own word. Called by
 * the member's server for every `observe`. Never changes anything, and never says of a position more or less than is
 * certain: an election counts on it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { laterLsn, zeroLsn, type Lsn } from "../../../domain/lsn.ts";
import type { RunningServer, Server, StartingServer, StoppedServer } from "../../../domain/server.ts";
import type { WalPosition } from "../../../domain/timeline.ts";
import { isTooLow } from "../configuration/minimums.ts";
import { tellsNoRoom } from "../../../errors/full-disk.ts";
import type { MemberServerConfig } from "../port.ts";
import { within, type MonotonicClock } from "../session/deadline.ts";
import { askRecoveryProcesses, askServer, askWaitsForLog, type Observation } from "../session/observation.ts";
import { answersConnections, Session, socketError, sqlState } from "../session/session.ts";
import { inspectDirectory, isFull } from "./directory.ts";
import { PendingRestart } from "./pending-restart.ts";
import { startupLog, type Postmaster, type PostmasterEnd } from "./postmaster.ts";
import { isFrozen, saysReady } from "./processes.ts";
import { membersOfSlots, upstreamOfConninfo } from "./replication-names.ts";
import { lastWordsIn, ServerLog, tellsDamage, tellsDivergence, tellsMissingWal } from "./server-log.ts";
import { timelineOfWal } from "./wal-files.ts";

/** A server that ends sooner than this after it was ready counts as a failed start. */
const ranWellMs = 10_000;
/**
 * The lasting session outlives a frozen postmaster, so new ones are tried as well, so often. Each makes the postmaster
 * fork, which is most of what a look costs; on a standby it may come later, for nobody waits there to write.
 */
const newSessionEveryMs = { primary: 900, standby: 4500 } as const;
/** The upstream may still change its mind, or be another one, in the first moments of a start. */
const hopelessAfterMs = 3000;
const startLogMax = 64 * 1024;
const settledReceiverMs = 500;
/** A stream that has been away for so long is not only between two primaries. */
const missingWalAfterMs = 1000;

/** A standby has read all the log that it has once it waits for more, from a stream or for the next attempt. */
const atEndOfLog = new Set(["RecoveryWalStream", "RecoveryRetrieveRetryInterval"]);

/** What was learned of the process that runs now. */
interface Run {
  readonly pid: number;
  readonly seenAt: number;
  /** of a long start, as far as it has been read */
  startLog: string;
  acceptsSince: number | undefined;
  /** all log on disk has been read: the replayed position is not below what was flushed before the start */
  hasReadOwnLog: boolean;
  notStreamingSince: number | undefined;
  receiver: { readonly pid: number; readonly since: number } | undefined;
  walMissing: boolean;
  newSessionAt: number;
  readonly pendingRestart: PendingRestart;
  role: "primary" | "standby" | undefined;
  flush: { readonly at: Lsn; readonly stuckSince: number | undefined } | undefined;
}

export class Observer {
  readonly #config: MemberServerConfig;
  readonly #clock: MonotonicClock;
  readonly #postmaster: Postmaster;
  readonly #log: ServerLog;
  readonly #listeners: (() => void)[] = [];
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #run: Run | undefined;
  #failures = 0;
  #damaged = false;
  #endedEarly = false;
  /** of the last end that nobody wanted */
  #end: Pick<StoppedServer, "noRoom" | "lastWords"> = {};
  #seen: { readonly kind: Server["kind"]; readonly since: number } | undefined;
  #countedEnd: unknown;
  #counting: Promise<void> = Promise.resolve();

  constructor(config: MemberServerConfig, clock: MonotonicClock, postmaster: Postmaster) {
    this.#config = config;
    this.#clock = clock;
    this.#postmaster = postmaster;
    this.#log = new ServerLog(config.logDirectory);
    postmaster.onEnd(() => this.#changed());
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async observe(withinMs: number): Promise<Server> {
    const end = this.#clock.now() + withinMs;
    const pid = await this.#postmaster.find();
    const server = pid === undefined ? await this.#observeDirectory() : await this.#observeProcess(pid, end);
    if (this.#seen?.kind !== server.kind) this.#seen = { kind: server.kind, since: this.#clock.now() };
    return "since" in server ? { ...server, since: this.#seen.since } : server;
  }

  /** What was found before says nothing of the directory that is there now. */
  forget(): void {
    this.#failures = 0;
    this.#damaged = false;
    this.#seen = undefined;
  }

  /** What is in the log until now belongs to earlier runs. */
  async beginRun(): Promise<void> {
    await this.#log.skip(startupLog(this.#config));
  }

  /** Why the last start failed before the server was up: not for what is in the directory, nor for want of room. */
  get failedStart(): string | undefined {
    const isOfServer = this.#endedEarly && this.#failures > 0 && !this.#damaged && this.#end.noRoom !== true;
    return isOfServer ? (this.#end.lastWords ?? "it ended without a word") : undefined;
  }

  configured(): void {
    this.#run?.pendingRestart.filesChanged();
  }

  /** The lasting session, for quick questions of the actions. */
  async session(withinMs: number): Promise<Session> {
    if (this.#session?.isOpen) return this.#session;
    this.#opening ??= this.#open(withinMs).finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  async #open(withinMs: number): Promise<Session> {
    const session = await Session.open(this.#config, { withinMs });
    this.#session = session;
    // Its end is the first sign of an adopted postmaster's death, which sends no event of its own.
    void session.ended.then(async () => {
      if (this.#session === session) this.#session = undefined;
      await this.#postmaster.find();
      this.#changed();
    });
    return session;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  async #observeDirectory(): Promise<Server> {
    this.close();
    await this.#countEnd();
    const state = await inspectDirectory(this.#config.dataDirectory);
    if (state.kind === "absent") return { kind: "absent" };
    const common = { kind: "stopped", since: 0, failures: this.#failures, ...this.#end } as const;
    if (state.kind === "damaged") {
      const unknown = { clean: false, wasPrimary: false, timeline: 0, end: undefined };
      return { ...common, ...unknown, damaged: true } satisfies StoppedServer;
    }
    const { clean, wasPrimary, timeline, end } = state;
    return { ...common, clean, wasPrimary, timeline, end, damaged: this.#damaged } satisfies StoppedServer;
  }

  /** Whoever looks at the same time, as the server does at its own start, waits for the judgement too. */
  async #countEnd(): Promise<void> {
    const ended = this.#postmaster.lastEnd;
    if (ended === undefined || ended === this.#countedEnd) return await this.#counting;
    this.#countedEnd = ended;
    const counting = this.#judgeEnd(ended);
    this.#counting = counting.catch(() => undefined);
    await counting;
  }

  /** Judges the last run once: was its end wanted, did it ever run well, does its log tell of damage. */
  async #judgeEnd(ended: PostmasterEnd): Promise<void> {
    const { acceptsSince: accepted, startLog = "" } = this.#run ?? {};
    this.#run = undefined;
    const log = ended.wanted ? "" : startLog + (await this.#log.news());
    this.#end = ended.wanted ? {} : await this.#tellEnd(log);
    this.#endedEarly = !ended.wanted && accepted === undefined;
    const ranWell = accepted !== undefined && ended.at - accepted >= ranWellMs;
    if (ranWell) this.#failures = 0;
    if (ended.wanted || ranWell) return;
    this.#failures += 1;
    if (accepted === undefined && tellsDamage(log)) this.#damaged = true;
  }

  /** On a full disk the log may lack the words too, so the disk itself is asked. */
  async #tellEnd(log: string): Promise<Pick<StoppedServer, "noRoom" | "lastWords">> {
    const noRoom = tellsNoRoom(log) || (await isFull(this.#config.dataDirectory));
    const found = lastWordsIn(log);
    const isSaid = found !== undefined && (!noRoom || tellsNoRoom(found));
    const lastWords = isSaid || !noRoom ? found : ["No space left on device", found].filter(Boolean).join("; ");
    return { ...(noRoom ? { noRoom } : {}), ...(lastWords === undefined ? {} : { lastWords }) };
  }

  async #observeProcess(pid: number, end: number): Promise<Server> {
    // Of one that runs already when the agent begins, too: its last words are told when it ends.
    await this.#log.begin();
    const run = this.#runOf(pid);
    const server = await this.#lookAtProcess(run, end);
    return server.kind === "starting" && (await this.#isHopeless(run)) ? { ...server, isHopeless: true } : server;
  }

  /**
   * A former primary that was cut short while it replayed log that nobody else has is not consistent before the end of
   * that log, which no upstream will ever send: it would be starting for ever, and is of no more use than a damaged one.
   */
  async #isHopeless(run: Run): Promise<boolean> {
    if (this.#clock.now() - run.seenAt < hopelessAfterMs) return false;
    const news = await this.#log.news();
    run.startLog = (run.startLog + news).slice(-startLogMax);
    if (tellsDivergence(news)) this.#damaged = true;
    return this.#damaged;
  }

  async #lookAtProcess(run: Run, end: number): Promise<Server> {
    const { pid } = run;
    const unresponsive: Server = { kind: "unresponsive", role: this.#roleOf(run), since: 0 };
    const left = (): number => end - this.#clock.now();
    // Without its directory it goes on with the files that it has open, for up to a minute, and is lost all the same.
    if (isFrozen(pid) || !existsSync(join(this.#config.dataDirectory, "global", "pg_control"))) return unresponsive;
    if (run.acceptsSince === undefined && !(await saysReady(this.#config.dataDirectory))) return this.#starting(run);
    try {
      const answer = within(this.#ask(run, left()), left(), () => undefined);
      const [server, accepts] = await Promise.all([answer, this.#acceptsNew(run, left())]);
      if (server === undefined || !accepts) return unresponsive;
      return server;
    } catch (error) {
      return this.#isStarting(run, error) ? this.#starting(run) : unresponsive;
    }
  }

  #runOf(pid: number): Run {
    if (this.#run?.pid === pid) return this.#run;
    this.#run = {
      pid,
      seenAt: this.#clock.now(),
      startLog: "",
      acceptsSince: undefined,
      hasReadOwnLog: false,
      notStreamingSince: this.#clock.now(),
      receiver: undefined,
      walMissing: false,
      newSessionAt: 0,
      pendingRestart: new PendingRestart(this.#clock),
      role: undefined,
      flush: undefined,
    };
    return this.#run;
  }

  /** Not yet up: no socket, or the server says so. One that was up and refuses sessions is none of these. */
  #isStarting(run: Run, error: unknown): boolean {
    if (run.acceptsSince !== undefined) return false;
    const code = sqlState(error) ?? socketError(error);
    if (code === "57P03") return !String(error).includes("shutting down");
    return code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET";
  }

  #starting(run: Run): StartingServer {
    return { kind: "starting", asPrimary: this.#roleOf(run) === "primary", since: 0 };
  }

  #roleOf(run: Run): "primary" | "standby" {
    return run.role ?? (existsSync(join(this.#config.dataDirectory, "standby.signal")) ? "standby" : "primary");
  }

  /** Whether new sessions are made. */
  async #acceptsNew(run: Run, withinMs: number): Promise<boolean> {
    const now = this.#clock.now();
    if (run.acceptsSince === undefined || now - run.newSessionAt < newSessionEveryMs[this.#roleOf(run)]) return true;
    if (!(await answersConnections(this.#config, withinMs))) return false;
    run.newSessionAt = now;
    return true;
  }

  async #ask(run: Run, withinMs: number): Promise<Server> {
    const session = await this.session(withinMs);
    const first = await askServer(session, withinMs);
    const isNew = !run.hasReadOwnLog;
    if (first.isStandby && !(await this.#hasReadOwnLog(run, first, session, withinMs))) return this.#starting(run);
    // Asked again: the position of the first answer may be from before the end was reached.
    const word = isNew && first.isStandby ? await askServer(session, withinMs) : first;
    const position = word.isStandby
      ? await this.#standbyPosition(word, session, withinMs)
      : { timeline: word.timeline, lsn: word.flushed };
    if (position?.timeline === undefined || position.lsn === undefined) return this.#starting(run);
    const isFirst = run.acceptsSince === undefined;
    run.acceptsSince ??= this.#clock.now();
    run.role = word.isStandby ? "standby" : "primary";
    if (isFirst) this.#changed();
    return await this.#running(run, word, { timeline: position.timeline, lsn: position.lsn }, session, withinMs);
  }

  /**
   * Until a standby has read to the end of its own files, its replayed position may lie below what it flushed and
   * acknowledged before it was stopped: it has no position to vote with, and is still starting. The end has been
   * reached once a stream was asked for (xlogrecovery.c turns to streaming only when its files hold no more), or when
   * the startup process waits for more.
   */
  async #hasReadOwnLog(run: Run, word: Observation, session: Session, withinMs: number): Promise<boolean> {
    if (run.hasReadOwnLog) return true;
    if (word.received === undefined) {
      const { startup } = await askRecoveryProcesses(session, withinMs);
      if (!startup || !atEndOfLog.has(startup.waitEvent)) return false;
    }
    run.hasReadOwnLog = true;
    return true;
  }

  /**
   * Position of a standby's log on disk: the later of received-and-flushed and replayed. `received` begins a new count
   * at the start of a segment with each timeline, and is null before the first stream; all of the log that is older
   * has been replayed then. Replay never passes what is on disk.
   *
   * The timeline: while a receiver is there and ahead, its own word, which is taken together with the position. In any
   * other case no function tells (the control file lags behind), so the log files themselves are asked.
   */
  async #standbyPosition(word: Observation, session: Session, withinMs: number): Promise<WalPosition | undefined> {
    const replayed = word.replayed ?? zeroLsn;
    const { receiver } = word;
    if (receiver && receiver.flushed >= replayed) return { timeline: receiver.timeline, lsn: receiver.flushed };
    const lsn: Lsn = laterLsn(word.received ?? zeroLsn, replayed);
    const { segmentBytes } = await askRecoveryProcesses(session, withinMs);
    const timeline = await timelineOfWal(this.#config.dataDirectory, lsn, segmentBytes);
    return timeline === undefined ? undefined : { timeline, lsn };
  }

  async #running(
    run: Run,
    word: Observation,
    position: WalPosition,
    session: Session,
    withinMs: number,
  ): Promise<RunningServer> {
    const receiving = word.isStandby && (word.receiver !== undefined || (await this.#hasReceiver(session, withinMs)));
    const streaming = this.#isStreaming(run, word);
    if (streaming) run.walMissing = false;
    else if (word.isStandby && this.#mayMissWal(run) && tellsMissingWal(await this.#log.news())) run.walMissing = true;
    return {
      kind: "running",
      role: word.isStandby ? "standby" : "primary",
      since: 0,
      version: word.version,
      startedAt: word.startedAt,
      ...(word.isStandby && word.replayedAt !== undefined ? { replayedAt: word.replayedAt } : {}),
      timeline: position.timeline,
      flushed: position.lsn,
      replayed: word.replayed ?? position.lsn,
      upstream: word.isStandby ? upstreamOfConninfo(word.primaryConninfo) : null,
      receiving,
      streaming,
      notStreamingSince: word.isStandby ? run.notStreamingSince : undefined,
      walMissing: word.isStandby && run.walMissing,
      syncNames: word.syncNames,
      standbys: word.standbys,
      slots: membersOfSlots(word.slots),
      idleSlots: membersOfSlots(word.idleSlots),
      flushStuckSince: await this.#flushStuckSince(run, word, session, withinMs),
      pendingRestart: await run.pendingRestart.ask(session, withinMs),
      configured: 0,
      ...(word.isReplayPaused && (await isTooLow(session, this.#config, withinMs)) ? { settingsTooLow: true } : {}),
    };
  }

  /** Not asked in the first moments of a failover, when every look counts and the log has other news. */
  #mayMissWal({ notStreamingSince }: Run): boolean {
    return notStreamingSince !== undefined && this.#clock.now() - notStreamingSince >= missingWalAfterMs;
  }

  async #hasReceiver(session: Session, withinMs: number): Promise<boolean> {
    return (await askRecoveryProcesses(session, withinMs)).receiverPid !== undefined;
  }

  /**
   * A receiver calls itself streaming before the upstream has agreed. It really does once a message has come, or when
   * the same one has lasted for longer than a refusal takes.
   */
  #isStreaming(run: Run, word: Observation): boolean {
    const now = this.#clock.now();
    const { receiver } = word;
    if (run.receiver?.pid !== receiver?.pid) run.receiver = receiver && { pid: receiver.pid, since: now };
    const isSettled = run.receiver !== undefined && now - run.receiver.since >= settledReceiverMs;
    const streaming = receiver !== undefined && receiver.isStreaming && (receiver.hasHeard || isSettled);
    run.notStreamingSince = streaming ? undefined : (run.notStreamingSince ?? now);
    return streaming;
  }

  /** The flushed position stands still, more was made, and somebody waits for the device. */
  async #flushStuckSince(run: Run, word: Observation, session: Session, withinMs: number): Promise<number | undefined> {
    const at = word.flushed;
    if (at === undefined) return undefined;
    const stands = run.flush?.at === at && word.inserted !== undefined && word.inserted > at;
    const isStuck = stands && (await askWaitsForLog(session, withinMs));
    run.flush = { at, stuckSince: isStuck ? (run.flush?.stuckSince ?? this.#clock.now()) : undefined };
    return run.flush.stuckSince;
  }
}
