/**
 * What the guard knows and does, without sockets, timers or signals: those are its ports. Sends heartbeats for the
 * holders of this host while their agent feeds it, answers those of other hosts with promises, and ends a primary whose
 * time is over. Called by guard.ts; the rules of time are domain/lease.ts's. Everything that comes in first ends what
 * is due: a guard that was frozen fences before it listens to anybody.
 */
import type { Heartbeat, PromiseAnswer } from "../domain/lease.ts";
import { keyOf, Member } from "./member.ts";
import type { GuardMessage, GuardTimings, MemberFeed, MemberReport, Postmaster } from "./wire.ts";

/** A member that its agent has not fed for so long gets no heartbeats any more: a stuck agent ends in a failover (P7). */
export const feedKeptMs = 10_000;
/** A guard that starts and hears of no agent for so long knows of no right to serve. */
export const unfedMs = 1000;
/** One whose agent is there, and has not come to speak on a busy machine, waits a little longer. */
export const greetedMs = 3000;
/** What was promised for a member that is not fed any more is remembered for so long, above any promise's time. */
const forgottenMs = 60_000;

export interface GuardPorts {
  /** CLOCK_MONOTONIC, milliseconds */
  now(): number;
  /** to another host's guard; may get lost */
  send(host: string, message: GuardMessage): void;
  /** Ends a server; asked again for as long as the feed shows it. @returns whether there was one to end */
  fence(server: Postmaster, because: FenceReason): boolean;
  /** something that the agent waits for */
  changed(): void;
}

interface Release {
  readonly cluster: string;
  readonly epoch: number;
  readonly sentAt: number;
}

export type FenceReason = "promises-ended" | "not-holder" | "no-agent";

/** A server that a guard knows of, kept over its restart. */
export interface KnownServer {
  readonly cluster: string;
  readonly member: string;
  readonly postmaster: Postmaster;
}

export interface GuardSetup {
  /** this host, as its certificate names it */
  readonly host: string;
  readonly timings: GuardTimings;
  /** what the guard before this one knew of */
  readonly left: readonly KnownServer[];
}

export class GuardCore {
  readonly startedAt: number;
  readonly #ports: GuardPorts;
  readonly #host: string;
  timings: GuardTimings;
  readonly #members = new Map<string, Member>();
  /** primaries of the guard before, until an agent speaks of them */
  #left: readonly KnownServer[];
  /** those of them that were ended because no agent came, by member */
  readonly #endedAlone = new Map<string, number>();
  #fedAt = -Infinity;
  #isGreeted = false;
  /** releases that are said again for a while: one of them may get lost */
  readonly #releases = new Map<string, Release>();

  constructor(setup: GuardSetup, ports: GuardPorts) {
    this.#ports = ports;
    this.#host = setup.host;
    this.timings = setup.timings;
    this.#left = setup.left.filter(({ postmaster }) => postmaster.isPrimary);
    this.startedAt = ports.now();
  }

  /** Every server that the agents have told of. */
  get servers(): readonly KnownServer[] {
    const fed = [...this.#members.values()].flatMap(({ feed: { cluster, member, postmaster } }) =>
      postmaster ? [{ cluster, member, postmaster }] : [],
    );
    return [...this.#left, ...fed];
  }

  /** An agent has connected. */
  greet(): void {
    this.#isGreeted = true;
  }

  feed(feeds: readonly MemberFeed[], at: number): void {
    this.watch();
    const now = this.#ports.now();
    this.#fedAt = Math.min(at, now);
    const told = new Set(feeds.map(keyOf));
    this.#left = this.#left.filter((server) => !told.has(keyOf(server)));
    for (const feed of feeds) this.#feedMember(feed, this.#fedAt);
    for (const [key, member] of this.#members) if (now - member.fedAt > forgottenMs) this.#members.delete(key);
    this.watch();
  }

  #feedMember(feed: MemberFeed, at: number): void {
    const key = keyOf(feed);
    const known = this.#members.get(key);
    const member = known ?? new Member(feed, this.#ports.now() + this.timings.marginMs);
    this.#members.set(key, member);
    const isNewEpoch = known === undefined || known.feed.epoch !== feed.epoch;
    const endedAt = this.#endedAlone.get(key);
    if (!known && endedAt !== undefined) member.rememberFenced({ at: endedAt, because: "no-agent" });
    member.hearFeed(feed, at, this.#ports.now());
    if (isNewEpoch) {
      this.#beat([member]);
      this.#ports.changed();
    }
  }

  /** Tells the voters that the holder's time is given back, and forgets what it was promised. */
  release(cluster: string, epoch: number): void {
    this.watch();
    const release = { cluster, epoch, sentAt: this.#ports.now() };
    this.#releases.set(cluster, release);
    for (const member of this.#membersOf(cluster)) member.giveBack(epoch, release.sentAt + this.timings.promiseMs);
    this.#sendReleases();
    this.watch();
  }

  /** Each heartbeatMs. */
  beat(): void {
    this.watch();
    this.#sendReleases();
    this.#beat([...this.#members.values()]);
  }

  /** A host can be reached again: it gets at once what the last heartbeats said. */
  reached(host: string): void {
    this.watch();
    this.#sendReleases(host);
    this.#beat([...this.#members.values()], host);
  }

  /** @returns the reply; every message gets one, so that both sides know of each other */
  hear(from: string, message: GuardMessage): GuardMessage | undefined {
    this.watch();
    switch (message.kind) {
      case "heartbeats":
        return { kind: "promises", promises: message.heartbeats.flatMap((heartbeat) => this.#answer(heartbeat)) };
      case "promises":
        for (const promise of message.promises) this.#hearPromise(promise);
        this.watch();
        return undefined;
      case "release":
        this.#hearRelease(message);
        return { kind: "promises", promises: [] };
    }
  }

  /**
   * Ends every server whose time is over. Safe to call at any moment and as often as one likes.
   * @returns when it has to be called again at the latest; Infinity when nothing can become due by itself
   */
  watch(): number {
    const now = this.#ports.now();
    let next = this.#watchLeft(now);
    for (const member of this.#members.values()) {
      const { postmaster } = member.feed;
      if (!postmaster?.isPrimary) continue;
      const { at, because } = member.endOfServing(now);
      if (at > now) next = Math.min(next, at);
      else {
        if (this.#ports.fence(postmaster, because) && member.noteFenced(now, because)) this.#ports.changed();
      }
    }
    return next;
  }

  /** Primaries of the guard before, that no agent has spoken of since. */
  #watchLeft(now: number): number {
    if (this.#left.length === 0) return Infinity;
    const isFed = this.#fedAt > -Infinity;
    const dueAt = this.startedAt + (isFed ? feedKeptMs : this.#isGreeted ? greetedMs : unfedMs);
    if (now < dueAt) return dueAt;
    for (const server of this.#left)
      if (this.#ports.fence(server.postmaster, "no-agent")) this.#endedAlone.set(keyOf(server), now);
    this.#left = [];
    return Infinity;
  }

  members(): readonly MemberReport[] {
    return [...this.#members.values()].map((member) => member.report());
  }

  /** Heartbeats of those members that hold an epoch, one message for each host. */
  #beat(members: readonly Member[], only?: string): void {
    const sentAt = this.#ports.now();
    const byHost = new Map<string, Heartbeat[]>();
    for (const member of members) {
      if (!member.wantsHeartbeats(sentAt) || sentAt - member.fedAt > feedKeptMs) continue;
      const { cluster, epoch, member: holder, voterHosts } = member.feed;
      for (const host of voterHosts) {
        if (only !== undefined && host !== only) continue;
        const list = byHost.get(host) ?? [];
        byHost.set(host, list);
        list.push({ cluster, epoch, holder, sentAt });
      }
    }
    for (const [host, heartbeats] of byHost) this.#send(host, { kind: "heartbeats", heartbeats });
  }

  #sendReleases(only?: string): void {
    const now = this.#ports.now();
    for (const [cluster, release] of this.#releases) {
      const hosts = this.#membersOf(cluster).flatMap(({ feed }) => feed.voterHosts);
      if (now >= release.sentAt + this.timings.promiseMs) this.#releases.delete(cluster);
      else
        for (const host of new Set(hosts))
          if (only === undefined || host === only) this.#send(host, { kind: "release", ...release });
    }
  }

  #membersOf(cluster: string): readonly Member[] {
    return [...this.#members.values()].filter(({ feed }) => feed.cluster === cluster);
  }

  #send(host: string, message: GuardMessage): void {
    if (host !== this.#host) return this.#ports.send(host, message);
    // Members of one cluster that share this host: their voters are here.
    const reply = this.hear(host, message);
    if (reply) this.hear(host, reply);
  }

  #answer(heartbeat: Heartbeat): readonly PromiseAnswer[] {
    const now = this.#ports.now();
    return this.#membersOf(heartbeat.cluster).flatMap((member) => {
      if (member.feed.member === heartbeat.holder) return [];
      const { answer, isNews } = member.hearHeartbeat(heartbeat, now, this.timings.promiseMs);
      if (isNews) this.#ports.changed();
      return answer ? [answer] : [];
    });
  }

  #hearPromise(promise: PromiseAnswer): void {
    const now = this.#ports.now();
    // It answers what was sent before; anything else is not an answer of this host's heartbeats.
    if (promise.sentAt > now) return;
    for (const member of this.#membersOf(promise.cluster))
      if (member.hearPromise(promise, now, this.timings.marginMs)) this.#ports.changed();
  }

  #hearRelease({ cluster, epoch, sentAt = Infinity }: Extract<GuardMessage, { kind: "release" }>): void {
    const until = this.#ports.now() + this.timings.promiseMs;
    for (const member of this.#membersOf(cluster))
      if (member.hearRelease({ epoch, sentAt, until })) this.#ports.changed();
  }
}
