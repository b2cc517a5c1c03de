/**
 * This host's member of the installation's own etcd: founded or joined once, then adopted or started by every agent and
 * kept running. The agent's end does not end it. Called by `host init`, `host join` and by the agent on the hosts that
 * have one. It throws data away in one case only: they cannot be read, and all others agree without them.
 */
import { randomUUID } from "node:crypto";
import { OpError } from "../../errors/op-error.ts";
import type { Log } from "../../log/log.ts";
import {
  etcdFiles,
  type EtcdFiles,
  etcdOwner,
  type EtcdState,
  hasData,
  lastWords,
  type Owner,
  prepareFiles,
  putAside,
  readState,
  writeState,
} from "./files.ts";
import { enlist, isOwn, mayPass, pause, promote } from "./enlist.ts";
import { startAlone } from "./lone.ts";
import { EtcdMembers } from "./membership.ts";
import type { EtcdNews, EtcdSelf } from "./port.ts";
import { endEtcd, findRunning, killEtcd, isRunning, signal as sendSignal, startEtcd } from "./process.ts";
import type { EtcdProgram } from "./program.ts";
import { clientUrl, type EtcdOrigin, type EtcdTimings, flagsOf, peerUrl } from "./settings.ts";

export interface EtcdServerOptions {
  readonly self: EtcdSelf;
  readonly program: EtcdProgram;
  readonly tell: (news: EtcdNews) => void;
  readonly log: Log;
  readonly timings?: EtcdTimings;
  readonly quotaBytes?: number;
}

const lookMs = 200;
const askEveryMs = 5000;
/** a server that answers nothing for so long is ended: a stalled disk is waited for, a deadlock is not */
const silentMs = 30_000;
/** one that ends sooner than this after its start has failed to start */
const quickMs = 10_000;
const tries = 3;
const waitMs = { first: 100, most: 10_000 };
/** so long a change of leader may take */
const majorityMs = 5000;

export class EtcdServer {
  readonly files: EtcdFiles;
  readonly url: string;
  readonly #options: EtcdServerOptions;
  readonly #end = new AbortController();
  #owner: Promise<Owner | undefined> | undefined;
  #pid: number | undefined;
  #startedAt = 0;
  #keeping = false;

  constructor(options: EtcdServerOptions) {
    this.#options = options;
    this.files = etcdFiles(options.self.home);
    this.url = clientUrl(options.self);
  }

  get pid(): number | undefined {
    return this.#pid !== undefined && isRunning(this.#pid) ? this.#pid : undefined;
  }

  /** The first member of a new etcd; again after an interruption. Resolves when it takes writes. */
  async found(signal: AbortSignal): Promise<void> {
    const { name } = this.#options.self;
    const first: EtcdState = {
      phase: "founding",
      // Random: an etcd made anew in this place is another one, and is seen to be.
      token: randomUUID(),
      initialCluster: `${name}=${peerUrl(this.#options.self)}`,
      others: [],
    };
    const state = (await readState(this.files)) ?? first;
    await writeState(this.files, state);
    await this.ensure();
    await this.#untilItLeadsOrFollows(signal);
    await this.#becomeMember();
  }

  /**
   * One more member of a running etcd; again after an interruption, wherever that was. Resolves when it has a vote.
   * @param endpoints client URLs of members
   */
  async join(endpoints: readonly string[], signal: AbortSignal): Promise<void> {
    const state = await readState(this.files);
    if (state?.phase === "member" && (await hasData(this.files))) {
      await this.ensure();
      return this.#untilItLeadsOrFollows(signal);
    }
    await prepareFiles(this.#options.self.home, this.files, await this.#user());
    const members = this.members(endpoints);
    try {
      await this.#joinAs(members, endpoints, signal);
    } finally {
      members.close();
    }
    void this.#keep();
  }

  /** Adopts the one that runs, or starts it, and keeps it running. @throws OpError etcd-failed without `found` or `join` */
  async ensure(): Promise<"adopted" | "started"> {
    const state = await this.#state();
    await prepareFiles(this.#options.self.home, this.files, await this.#user());
    const found = await findRunning(this.files);
    // One that an agent was making alone when it ended: how far it came is not known, and doing it again is harmless.
    const running = state.phase === "alone" ? undefined : found;
    if (found !== undefined && running === undefined) await killEtcd(found);
    if (running === undefined) await this.#startOrRebuild(state);
    else this.#use(running);
    this.#options.tell({ kind: "started", pid: this.#pid ?? 0, adopted: running !== undefined });
    void this.#keep();
    return running === undefined ? "started" : "adopted";
  }

  /** Whoever talks to members needs this host's certificate. `close` it. */
  members(endpoints: readonly string[] = [this.url]): EtcdMembers {
    const { ca: caFile, cert: certFile, key: keyFile } = this.files.tls;
    return new EtcdMembers(endpoints, { caFile, certFile, keyFile }, this.#options.log);
  }

  /** The host's certificate was renewed; etcd takes it with the next connection. */
  async takeCertificate(): Promise<void> {
    await prepareFiles(this.#options.self.home, this.files, await this.#user());
  }

  /**
   * The other members are lost for good: this one goes on alone, with what it has. At a person's order only: if the
   * others came back, there would be two stores.
   * @throws OpError host-in-use while the store has its majority, etcd-failed without data
   */
  async standAlone(signal: AbortSignal): Promise<void> {
    const state = await this.#state();
    if (!(await hasData(this.files)))
      throw new OpError("etcd-failed", {
        message: "etcd of this host has no data to go on with",
        hint: "Try it on another of the hosts that ran etcd: matriarch host list",
      });
    await this.#refuseMajority();
    await writeState(this.files, { ...state, phase: "alone", others: [] });
    const pid = this.pid ?? (await findRunning(this.files));
    // Without a majority it would wait for one before it ends.
    if (pid !== undefined) await killEtcd(pid);
    if (!this.#keeping) await this.ensure();
    while ((await this.#state()).phase === "alone" && !signal.aborted) await pause(signal);
    if (signal.aborted) throw await this.#failed("etcd of this host did not come up alone");
    await this.#untilItLeadsOrFollows(signal);
    this.#options.tell({ kind: "alone" });
  }

  /** For a stop that is meant: the lead goes elsewhere first. */
  async stop(): Promise<void> {
    this.#end.abort();
    const pid = this.#pid ?? (await findRunning(this.files));
    if (pid === undefined || !isRunning(pid)) return;
    const members = this.members();
    await members.moveLeadAway(this.url).catch((error: unknown) => {
      this.#options.log.warn("etcd's lead stays until the server ends", { error });
    });
    members.close();
    await endEtcd(pid, this.files);
  }

  /** The agent ends; etcd goes on. */
  close(): void {
    this.#end.abort();
  }

  async #state(): Promise<EtcdState> {
    const state = await readState(this.files);
    if (state && state.phase !== "removed") return state;
    throw new OpError("etcd-failed", {
      message: state ? "the other hosts have taken this host's etcd out" : "this host has no etcd yet",
      hint: "See who runs one with: matriarch host list",
    });
  }

  #user(): Promise<Owner | undefined> {
    this.#owner ??= etcdOwner();
    return this.#owner;
  }

  async #joinAs(members: EtcdMembers, endpoints: readonly string[], signal: AbortSignal): Promise<void> {
    const running = await findRunning(this.files);
    if (running === undefined) {
      const initialCluster = await enlist(this.#options.self, this.files, members, signal);
      const others = endpoints.filter((url) => url !== this.url);
      await writeState(this.files, { phase: "joining", token: "", initialCluster, others });
      await this.#start();
    } else this.#use(running);
    await this.#untilItLeadsOrFollows(signal);
    await this.#promote(members, signal);
    await this.#becomeMember();
  }

  async #promote(members: EtcdMembers, signal: AbortSignal): Promise<void> {
    if (!(await promote(this.#options.self, members, signal)))
      throw await this.#failed("etcd has not caught up with the other members in time");
  }

  async #becomeMember(): Promise<void> {
    const state = await readState(this.files);
    if (state && state.phase !== "member") await writeState(this.files, { ...state, phase: "member" });
  }

  async #untilItLeadsOrFollows(signal: AbortSignal): Promise<void> {
    const members = this.members();
    try {
      while (!signal.aborted) {
        const health = await members.health(this.url).catch(() => undefined);
        if (health !== undefined && health.leader !== "0") return;
        if (this.pid === undefined && !this.#keeping) break;
        await pause(signal);
      }
      throw await this.#failed(`etcd of this host does not work`);
    } finally {
      members.close();
    }
  }

  async #failed(message: string): Promise<OpError> {
    return new OpError("etcd-failed", {
      message,
      detail: `Its last words: ${await lastWords(this.files)}`,
      hint: `See ${this.files.log}.`,
    });
  }

  async #start(): Promise<void> {
    const { program } = this.#options;
    if ((await this.#state()).phase === "alone") await this.#makeAlone();
    const { phase, token, initialCluster } = await this.#state();
    const flags = await this.#flags({ state: phase === "founding" ? "new" : "existing", initialCluster, token });
    this.#use(await startEtcd(program.path, flags, this.files, await this.#user()));
  }

  /** Throws the others out, once: started so again it would do that to members that have joined since. */
  async #makeAlone(): Promise<void> {
    const { self, program } = this.#options;
    const { token, initialCluster } = await this.#state();
    const start = async (alone: NonNullable<EtcdOrigin["alone"]>) => {
      const flags = await this.#flags({ state: "existing", initialCluster, token, alone });
      return startEtcd(program.path, flags, this.files, await this.#user());
    };
    await startAlone(self, this.files, { start, members: (url) => this.members([url]) }, this.#end.signal);
    await this.#becomeMember();
  }

  #flags(origin: EtcdOrigin): Promise<readonly string[]> {
    const { self, program, timings, quotaBytes } = this.#options;
    const more = {
      version: program.version,
      ...(timings && { timings }),
      ...(quotaBytes !== undefined && { quota: quotaBytes }),
    };
    return flagsOf(self, this.files, origin, more);
  }

  async #refuseMajority(): Promise<void> {
    const members = this.members();
    try {
      const all = await members.list(AbortSignal.timeout(majorityMs));
      throw new OpError("host-in-use", {
        message: "the store has its majority",
        detail: `Its members: ${all.map(({ name }) => name).join(", ")}.`,
        hint: "Nothing has to be rebuilt. A host that is lost for good goes with: matriarch host remove NAME --lost",
      });
    } catch (error) {
      if (!mayPass(error)) throw error;
    } finally {
      members.close();
    }
  }

  #use(pid: number): void {
    this.#pid = pid;
    this.#startedAt = performance.now();
  }

  async #startOrRebuild(state: EtcdState): Promise<void> {
    const isLost = state.phase === "member" && !(await hasData(this.files));
    if (isLost && (await this.#rebuild())) return;
    await this.#start();
  }

  async #keep(): Promise<void> {
    if (this.#keeping) return;
    this.#keeping = true;
    for (let failed = 0; !this.#end.signal.aborted;) {
      await this.#untilItEnds(this.#pid ?? 0).catch((error: unknown) => {
        this.#options.log.error("etcd cannot be watched", { error });
      });
      if (this.#end.signal.aborted) return;
      const isQuick = performance.now() - this.#startedAt < quickMs;
      failed = isQuick ? failed + 1 : Math.max(failed - 1, 0);
      if (!isQuick) this.#options.tell({ kind: "died", pid: this.#pid ?? 0 });
      if (failed === tries) this.#options.tell({ kind: "failing", lastWords: await lastWords(this.files) });
      await pause(this.#end.signal, failed === 0 ? 0 : Math.min(waitMs.first * 2 ** failed, waitMs.most));
      try {
        await this.#bringBack(failed >= tries);
      } catch (error) {
        this.#options.log.error("etcd was not started", { error });
        // As if it had ended just now: the next try comes later.
        this.#startedAt = performance.now();
      }
    }
  }

  async #bringBack(mayRebuild: boolean): Promise<void> {
    if (this.#end.signal.aborted) return;
    const since = performance.now();
    const words = mayRebuild ? await lastWords(this.files) : "";
    if (isOut.test(words) && (await this.#isTakenOut())) return;
    if (isDamage.test(words) && (await this.#rebuild())) return;
    await this.#startOrRebuild(await this.#state());
    const members = this.members();
    const answers = await members.health(this.url).then(
      () => true,
      () => false,
    );
    members.close();
    if (answers) this.#options.tell({ kind: "restarted", pid: this.#pid ?? 0, tookMs: performance.now() - since });
  }

  /** Ended by itself, or by us because it says nothing any more. */
  async #untilItEnds(pid: number): Promise<void> {
    if (!isRunning(pid)) return;
    const members = this.members();
    let [askedAt, heardAt] = [performance.now(), performance.now()];
    while (isRunning(pid) && !this.#end.signal.aborted) {
      await pause(this.#end.signal, lookMs);
      if (performance.now() - askedAt < askEveryMs) continue;
      askedAt = performance.now();
      if (await members.health(this.url).catch(() => undefined)) heardAt = performance.now();
      if (performance.now() - heardAt < silentMs) continue;
      this.#options.tell({ kind: "silent", pid });
      sendSignal(pid, "SIGKILL");
    }
    members.close();
  }

  async #isTakenOut(): Promise<boolean> {
    const state = await this.#state();
    const members = this.members(state.others);
    try {
      if ((await members.list()).some((member) => isOwn(this.#options.self, member))) return false;
    } catch {
      return false;
    } finally {
      members.close();
    }
    await writeState(this.files, { ...state, phase: "removed" });
    this.#options.tell({ kind: "removed" });
    this.#end.abort();
    return true;
  }

  /** @returns false when the others cannot be asked, or are too few to go on without these data */
  async #rebuild(): Promise<boolean> {
    const { others } = await this.#state();
    if (others.length === 0) return false;
    const since = performance.now();
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(60_000)]);
    const members = this.members(others);
    try {
      // Answered by a quorum, of which this one is no part.
      await members.list(signal);
      const aside = await putAside(this.files);
      await this.#joinAs(members, others, signal);
      this.#options.tell({ kind: "rebuilt", putAside: aside, tookMs: performance.now() - since });
      return true;
    } catch (error) {
      this.#options.log.error("etcd's data were not copied anew", { error });
      return false;
    } finally {
      members.close();
    }
  }
}

/** What 3.4 to 3.6 say of data that they cannot read. */
const isDamage =
  /failed to (open database|read WAL|recover)|crc mismatch|checksum|invalid database|corrupt|recover v3 backend|database file|freelist|max entry size|unexpected EOF/i;
const isOut = /permanently removed|has been removed|been removed from the cluster/;
