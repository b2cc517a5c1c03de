/**
 * One member's server: what port.ts promises, put together from the parts in server/, session/ and clone/. Made by the
 * agent for each member. Changing calls come one at a time; `fence` may come at any moment and wins.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MemberId } from "../../domain/cluster.ts";
import { zeroLsn, type Lsn } from "../../domain/lsn.ts";
import { formatSyncNames, voterName, type CommitRule } from "../../domain/rule.ts";
import type { ClientCount, Server } from "../../domain/server.ts";
import type { Timeline } from "../../domain/timeline.ts";
import { OpError } from "../../errors/op-error.ts";
import { haltArchiving, installArchiveCommand } from "./archive/command.ts";
import { withdrawPermit } from "./archive/permit.ts";
import { approachSegmentEnd } from "./archive/segment-end.ts";
import { cloneDirectory } from "./clone/clone.ts";
import { rewindDirectory } from "./clone/rewind.ts";
import { finishSwap, swapPaths } from "./clone/swap.ts";
import type { Settings } from "./configuration/defaults.ts";
import { MemberSettings } from "./configuration/member-settings.ts";
import { isToArchive, writeConfiguration } from "./configuration/write.ts";
import { presentLibraries } from "./extensions/contents.ts";
import type {
  CloneProgress,
  Engine,
  MemberServer,
  MemberServerConfig,
  StopOutcome,
  Upstream,
  Wanted,
  WantedSettings,
} from "./port.ts";
import { hostClock, type MonotonicClock } from "./session/deadline.ts";
import { askClients } from "./session/clients.ts";
import { askServer } from "./session/observation.ts";
import { withSession, type Session } from "./session/session.ts";
import { passBarrier } from "./server/barrier.ts";
import { closeGates } from "./server/import-gates.ts";
import { Observer } from "./server/observer.ts";
import { endLeftovers } from "./server/leftovers.ts";
import { makeOwnedDirectory, writeOwnedFile } from "./server/owned-files.ts";
import { Postmaster } from "./server/postmaster.ts";
import { promoteBySignal } from "./server/promotion.ts";
import { awaitNoReceiver } from "./server/receiver.ts";
import { endBackend, proveFollowed, reloadUntil } from "./server/reload.ts";
import { changeReplication } from "./server/replication-conf.ts";
import { conninfoFor } from "./server/replication-names.ts";
import { setSlots } from "./server/slots.ts";
import { plantTimelines, removeLoosePlants } from "./server/timeline-files.ts";

/** Bounds of the calls that carry none of their own. */
const askMs = 5000;
const changeMs = 10_000;
const checkpointMs = 10 * 60_000;
const watchStartMs = 60_000;

export function createMemberServer(config: MemberServerConfig, clock: MonotonicClock = hostClock): MemberServer {
  return new PostgresServer(config, clock);
}

class PostgresServer implements MemberServer {
  #config: MemberServerConfig;
  readonly #settings: MemberSettings;
  readonly #clock: MonotonicClock;
  readonly #postmaster: Postmaster;
  readonly #observer: Observer;
  #isClosed = false;
  #missing: readonly string[] = [];
  #interrupted: Promise<void> | undefined;
  /** the postmaster whose processes were proven to follow the commit rule that it was promoted with */
  #proven: number | undefined;

  constructor(config: MemberServerConfig, clock: MonotonicClock) {
    this.#config = config;
    this.#settings = new MemberSettings(config.dataDirectory, config.wanted);
    this.#clock = clock;
    this.#postmaster = new Postmaster(config, clock);
    this.#observer = new Observer(config, clock, this.#postmaster);
  }

  get pid(): number | undefined {
    return this.#postmaster.pid;
  }

  async observe(withinMs: number, wanted?: Wanted): Promise<Server> {
    await this.#finishInterrupted();
    const server = await this.#observer.observe(withinMs);
    if (server.kind !== "running") return server;
    await this.#settings.ran();
    const { configured, refused } = this.#settings;
    const clients = wanted?.countsClients ? await this.#countClients(withinMs) : undefined;
    return {
      ...server,
      configured,
      ...(refused === undefined ? {} : { settingsRefused: refused }),
      ...(this.#missing.length === 0 ? {} : { missingLibraries: this.#missing }),
      ...(clients === undefined ? {} : { clients }),
    };
  }

  /** A server that does not say so has clients, as far as anybody knows. */
  async #countClients(withinMs: number): Promise<ClientCount | undefined> {
    const session = await this.#observer.session(withinMs).catch(() => undefined);
    return session && askClients(session, withinMs).catch(() => undefined);
  }

  onChange(listener: () => void): void {
    this.#observer.onChange(listener);
  }

  async startStandby(upstream: Upstream | null, rule: CommitRule): Promise<void> {
    const fences = this.#postmaster.fences;
    await this.#prepareStart("standby", upstream, rule);
    await closeGates(this.#config.dataDirectory);
    await writeOwnedFile(join(this.#config.dataDirectory, "standby.signal"), "", this.#config.owner);
    await this.#start(fences);
  }

  async startPrimary(rule: CommitRule): Promise<void> {
    const fences = this.#postmaster.fences;
    await this.#prepareStart("primary", null, rule);
    await rm(join(this.#config.dataDirectory, "standby.signal"), { force: true });
    await this.#start(fences);
  }

  async stop(withinMs: number, then: "give-up" | "fence"): Promise<StopOutcome> {
    await haltArchiving(this.#config.dataDirectory);
    return await this.#postmaster.stop(withinMs, then);
  }

  async fence(): Promise<void> {
    await this.#postmaster.fence();
  }

  async follow(upstream: Upstream): Promise<void> {
    await changeReplication(this.#config, { primaryConninfo: conninfoFor(this.#config, upstream) });
    await this.#postmaster.reload();
  }

  async stopReceiver(): Promise<void> {
    await changeReplication(this.#config, { primaryConninfo: "" });
    const setting = { name: "primary_conninfo", value: "" };
    const session = await reloadUntil(this.#config, this.#postmaster, setting, changeMs);
    await awaitNoReceiver(session, changeMs).finally(() => session.destroy());
  }

  async promote(timeline: number, _known: readonly Timeline[], rule: CommitRule, withinMs: number): Promise<Lsn> {
    const end = this.#clock.now() + withinMs;
    const session = await this.#readyToPromote(timeline, rule, withinMs);
    try {
      return await promoteBySignal(this.#config, this.#postmaster, session, timeline, end - this.#clock.now());
    } finally {
      session.destroy();
    }
  }

  async setRule(rule: CommitRule): Promise<Lsn> {
    const names = formatSyncNames(rule);
    const before = await askServer(await this.#observer.session(askMs), askMs);
    await changeReplication(this.#config, { synchronousStandbyNames: names });
    const setting = { name: "synchronous_standby_names", value: names };
    const session = await reloadUntil(this.#config, this.#postmaster, setting, changeMs);
    this.#proven = undefined;
    try {
      await proveFollowed(session, (before.syncNames === "") !== (names === ""), changeMs);
      const now = await askServer(session, askMs);
      return now.flushed ?? now.replayed ?? zeroLsn;
    } finally {
      session.destroy();
    }
  }

  async endStream(name: string): Promise<void> {
    await withSession(this.#config, { withinMs: askMs }, async (session) => {
      const sql = `SELECT s.pid FROM pg_catalog.pg_stat_get_wal_senders() AS s,
LATERAL pg_catalog.pg_stat_get_activity(s.pid) AS a WHERE a.application_name = $1`;
      const rows = await session.query(sql, [name], { withinMs: askMs });
      for (const row of rows) await endBackend(session, Number(row["pid"]), askMs);
    });
  }

  async barrier(signal: AbortSignal): Promise<Lsn> {
    const { pid } = this.#postmaster;
    const isProven = pid !== undefined && pid === this.#proven;
    return await passBarrier(this.#config, isProven, signal);
  }

  async checkpoint(): Promise<void> {
    await withSession(this.#config, { withinMs: askMs }, async (session) => {
      await session.query("CHECKPOINT", [], { withinMs: checkpointMs });
      // The next segment, which the stop begins, is made by a checkpoint late in this one: 16 MB that nobody waits for then.
      if (await approachSegmentEnd(session, askMs)) await session.query("CHECKPOINT", [], { withinMs: checkpointMs });
    });
  }

  async setSlots(members: readonly MemberId[], anew: readonly MemberId[] = []): Promise<void> {
    await withSession(this.#config, { withinMs: askMs }, (session) => setSlots(session, { members, anew }, askMs));
  }

  async rewind(source: Upstream): Promise<void> {
    await this.#refuseRunning();
    await rewindDirectory(this.#config, source);
    this.#observer.forget();
  }

  async clone(source: Upstream, progress: (progress: CloneProgress) => void, signal: AbortSignal): Promise<void> {
    await this.#refuseRunning();
    await cloneDirectory(this.#config, source, progress, signal);
    this.#observer.forget();
  }

  async removeKept(): Promise<void> {
    await rm(swapPaths(this.#config.dataDirectory).kept, { recursive: true, force: true });
  }

  useEngine(engine: Engine): void {
    this.#config = { ...this.#config, engine };
    this.#postmaster.useEngine(engine);
  }

  want(wanted: WantedSettings): void {
    // What the host lacked may be there now: the files are written again, once for each generation.
    this.#settings.want(wanted, this.#missing.length > 0);
  }

  async configure(): Promise<void> {
    // An agent before this one may have written the files and have ended before it told the server.
    const isFirst = !this.#settings.isWritten;
    // A server that was started before there were archives begins to archive with its next start, and not by a restart.
    const archives = await isToArchive(this.#config.dataDirectory);
    if (!(await this.#writeConfiguration(this.#settings.wanted, archives)) && !isFirst) return;
    await this.#postmaster.reload();
    this.#observer.configured();
  }

  async destroy(): Promise<void> {
    const { dataDirectory, logDirectory, socketDirectory } = this.#config;
    await this.#postmaster.fence();
    await this.#postmaster.cleared();
    this.#observer.close();
    const paths = [...Object.values(swapPaths(dataDirectory)), logDirectory, socketDirectory];
    for (const path of paths) await rm(path, { recursive: true, force: true });
    await this.#config.volume?.remove();
    await this.#settings.forget();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#observer.close();
  }

  /** Once: a clone that an earlier agent could not end. */
  #finishInterrupted(): Promise<void> {
    const { dataDirectory } = this.#config;
    this.#interrupted ??= endLeftovers(dataDirectory)
      .then(() => finishSwap(swapPaths(dataDirectory)))
      .catch((error: unknown) => {
        this.#interrupted = undefined;
        throw error;
      });
    return this.#interrupted;
  }

  /** Its files are about to be replaced under it. */
  async #refuseRunning(): Promise<void> {
    await this.#finishInterrupted();
    if ((await this.#postmaster.find()) === undefined) return this.#postmaster.cleared();
    throw new OpError("busy", { message: "the server runs; its directory can only be replaced when it is stopped" });
  }

  /** All that can fail without harm: until the signal is given the server stays the standby that it is. */
  async #readyToPromote(timeline: number, rule: CommitRule, withinMs: number): Promise<Session> {
    const { dataDirectory, owner } = this.#config;
    const names = formatSyncNames(rule);
    try {
      await plantTimelines(dataDirectory, timeline, owner);
      await changeReplication(this.#config, { primaryConninfo: "", synchronousStandbyNames: names });
      const setting = { name: "synchronous_standby_names", value: names };
      const session = await reloadUntil(this.#config, this.#postmaster, setting, withinMs);
      await proveFollowed(session, true, withinMs);
      this.#proven = this.#postmaster.pid;
      return session;
    } catch (error) {
      await removeLoosePlants(dataDirectory);
      throw error;
    }
  }

  /** Everything that a start needs in the directory, but for the signal file that makes it a standby. */
  async #prepareStart(as: "primary" | "standby", upstream: Upstream | null, rule: CommitRule): Promise<void> {
    const { dataDirectory, socketDirectory, owner, archives } = this.#config;
    await this.#finishInterrupted();
    await this.#postmaster.cleared();
    await withdrawPermit(dataDirectory);
    if (archives === true) await installArchiveCommand(dataDirectory, owner);
    await makeOwnedDirectory(socketDirectory, owner);
    await removeLoosePlants(dataDirectory);
    await rm(join(dataDirectory, "promote"), { force: true });
    await rm(join(dataDirectory, "recovery.signal"), { force: true });
    await this.#writeConfiguration(await this.#settings.forStart(as, this.#observer.failedStart), archives);
    await changeReplication(this.#config, {
      primaryConninfo: conninfoFor(this.#config, upstream),
      synchronousStandbyNames: formatSyncNames(rule),
    });
  }

  /** @returns whether the files say something else now */
  async #writeConfiguration(settings: Settings, archives = false): Promise<boolean> {
    const { present, missing } = await presentLibraries(this.#config.engine, settings);
    const configuration = { ...this.#config, archives, settings: present, clusterName: voterName(this.#config) };
    const changed = await writeConfiguration(configuration);
    this.#missing = missing;
    this.#settings.written(settings);
    return changed;
  }

  async #start(fences: number): Promise<void> {
    this.#observer.close();
    this.#proven = undefined;
    await this.#observer.beginRun();
    await this.#postmaster.start(fences);
    void this.#watchStart();
  }

  /** Looks often until the server is up or gone, so that the agent hears of it at once. */
  async #watchStart(): Promise<void> {
    const pid = this.#postmaster.pid;
    const end = this.#clock.now() + watchStartMs;
    let pauseMs = 4;
    while (!this.#isClosed && this.#postmaster.pid === pid && this.#clock.now() < end) {
      const server = await this.#observer.observe(askMs).catch(() => undefined);
      if (server?.kind !== "starting") return;
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 1.2, 100);
    }
  }
}
