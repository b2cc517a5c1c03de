/**
 * The ledger of pauses: each interruption of writes is told once, as an event, with its length and its cause. Of several
 * hosts the one that has the primary when it is over tells it, for that is where its clients are; should it be lost
 * again, any other one does. Called by the narrator.
 */
import type { Decision } from "../../core/decision.ts";
import { isAsleep, type ClusterRecord, type Intent } from "../../domain/cluster.ts";
import type { Route } from "../../router/wire.ts";
import type { MemberLoop } from "../member-loop.ts";
import type { ToldCluster, ToldMember } from "./decisions.ts";
import { nameOf } from "./records.ts";
import type { Teller } from "./teller.ts";
import { Interruptions, WritePause, type Interruption, type PauseParts } from "./write-pause.ts";

/** Shorter than a look takes: nobody could say. */
const voterWaitMsMin = 50;

interface Cause {
  readonly why: string;
  readonly by: string;
}

const matriarch = "matriarch";

export class Pauses {
  readonly endpoint: WritePause;
  readonly #voters: Interruptions;
  readonly #teller: Teller;
  readonly #host: string | undefined;
  /** what was asked for while it lasted */
  #intent: Intent | undefined;
  #isStopped = false;
  #epoch = 0;
  /** under which the endpoint was open last: a route may lead to a primary that is lost until another has its epoch */
  #openEpoch: number | undefined;
  /** before the first opening of a new cluster nobody waits for it */
  #wasOpen: boolean;
  #lastGood: number | undefined;

  constructor(teller: Teller, parts: PauseParts, host: string | undefined) {
    this.endpoint = new WritePause(parts);
    this.#voters = new Interruptions(parts, "voters");
    this.#teller = teller;
    this.#host = host;
    this.#wasOpen = (this.endpoint.mark?.aliveAt ?? undefined) !== undefined;
  }

  routed(loop: ToldCluster, routes: readonly Route[]): void {
    const wasOpen = this.endpoint.lasting === undefined;
    const { epoch } = loop.record.reign.value;
    const isLost = (this.#openEpoch ?? epoch) < epoch || isSilent(loop);
    const ended = this.endpoint.routed(routes, isLost ? this.#lastGood : undefined);
    if (wasOpen && this.endpoint.lasting !== undefined) this.#begun(loop.record);
    this.#note(loop.record);
    if (ended && this.#wasOpen) this.#tell(loop.record, ended, causeOf(loop.record, this));
    this.#wasOpen ||= this.endpoint.lasting === undefined;
    if (this.endpoint.lasting === undefined) this.#openEpoch = epoch;
  }

  /** Also of the first record that an agent reads: it may be woken before its endpoints are told anything, */
  recordChanged({ record }: ToldCluster, before: ClusterRecord | undefined): void {
    // or before its loop has begun: then its first change is from asleep to awake.
    if (isAsleep(record) || (before !== undefined && isAsleep(before))) this.endpoint.rest();
    this.#note(record);
  }

  decided(
    loop: ToldCluster,
    member: ToldMember & Pick<MemberLoop, "observed" | "observedAt">,
    decision: Decision,
  ): void {
    const { holder } = loop.record.reign.value;
    this.endpoint.goesOn();
    // Once another host has the primary, or the server is gone, it is the endpoint's interruption.
    if (!this.#isHere(loop.record, holder)) this.#waitedFor(loop);
    if (member.id !== holder) return;
    const isRunning = member.observed.kind === "running";
    if (isRunning) this.#servedAt(loop, member.observedAt);
    if (decision.because.code === "writes-wait") this.#waits(loop);
    else if (!isRunning || decision.because.code === "serving") this.#waitedFor(loop);
  }

  #isHere({ members }: ClusterRecord, member: string): boolean {
    return this.#host === undefined || members[member]?.value.host === this.#host;
  }

  heard(loop: ToldCluster): void {
    const remote = loop.remoteMembers?.().get(loop.record.reign.value.holder);
    if (remote?.server.kind === "running") this.#servedAt(loop, remote.heardAt);
    this.endpoint.goesOn();
  }

  /** A new holder runs before it serves. */
  #servedAt({ record }: ToldCluster, at: number | undefined): void {
    if (record.reign.value.phase === "open") this.#lastGood = at;
  }

  get asked(): { readonly intent: Intent | undefined; readonly isStopped: boolean; readonly epoch: number } {
    return { intent: this.#intent, isStopped: this.#isStopped, epoch: this.#epoch };
  }

  #begun({ reign }: ClusterRecord): void {
    this.#intent = undefined;
    this.#isStopped = false;
    this.#epoch = this.#openEpoch ?? reign.value.epoch;
  }

  /** Kept too, for the agent after this one. */
  #note({ intent, spec }: ClusterRecord): void {
    if (this.endpoint.lasting === undefined) return;
    const isStopped = this.#isStopped || spec.value.wish !== "running";
    if (isStopped === this.#isStopped && (!intent || intent.value.id === this.#intent?.id)) return;
    this.#isStopped = isStopped;
    this.#intent = intent?.value ?? this.#intent;
    this.endpoint.because(this.#isStopped ? this.#stopCause(spec.value.name) : intentCause(this.#intent));
  }

  #stopCause(cluster: string): Cause {
    const asked = this.#teller.operations.list({ cluster }).find(({ kind }) => kind === "stop");
    return { why: "stop", by: asked?.by ?? matriarch };
  }

  #tell(record: ClusterRecord, { from, ms }: Interruption, { why, by }: Cause): void {
    const { holder, epoch } = record.reign.value;
    const host = record.members[holder]?.value.host;
    const isSame = this.#epoch === epoch;
    // Without another epoch other hosts have no name for it in common.
    if (isSame && this.#host !== undefined && this.#host !== host) return;
    const once = nameOf(record, isSame ? `pause/${Math.round(from)}` : `epoch/${epoch}/pause`);
    const about = { cluster: record.spec.value.name, member: holder, epoch, durationMs: ms, actor: by };
    this.#teller.tell({ host, once }, "writes.paused", about, { since: new Date(from).toISOString(), ms, why });
  }

  #waits({ clock, record }: ToldCluster): void {
    if (this.#voters.lasting === undefined) this.#voters.begin(clock.now(), { why: "voters", by: matriarch });
    this.#note(record);
  }

  #waitedFor({ record }: ToldCluster): void {
    const ended = this.#voters.end();
    if (!ended || ended.ms < voterWaitMsMin) return;
    const { holder, epoch } = record.reign.value;
    const about = { cluster: record.spec.value.name, member: holder, epoch, durationMs: ended.ms };
    const told = { since: new Date(ended.from).toISOString(), ms: ended.ms, why: "voters" };
    this.#teller.events.emit("writes.paused", about, told);
  }
}

/** The primary that clients were led to answers nothing, or its host does not. */
function isSilent(loop: ToldCluster): boolean {
  const { holder } = loop.record.reign.value;
  const server = loop.members?.get(holder)?.observed ?? loop.remoteMembers?.().get(holder)?.server;
  return server?.kind === "unresponsive";
}

function intentCause(intent: Intent | undefined): Cause {
  if (!intent) return { why: "", by: matriarch };
  return { why: intent.kind === "restart" ? (intent.purpose ?? "restart") : intent.kind, by: intent.by };
}

function causeOf(record: ClusterRecord, { asked: { intent, isStopped, epoch }, endpoint }: Pauses): Cause {
  const { how, epoch: now } = record.reign.value;
  const noted = endpoint.mark;
  if (isStopped && noted) return { why: "stop", by: noted.by };
  // An election that nobody asked for, in the middle of something else.
  if (now !== epoch && how === "election" && intent?.kind !== "failover") return { why: "failover", by: matriarch };
  if (intent) return intentCause(intent);
  if (noted && noted.why !== "") return { why: noted.why, by: noted.by };
  if (now === epoch) return { why: "unknown", by: matriarch };
  switch (how) {
    case "election":
    case "forced":
      return { why: "failover", by: matriarch };
    case "handover":
      return { why: "switchover", by: matriarch };
    case "restart":
      return { why: "crash", by: matriarch };
    case "bootstrap":
      return { why: "unknown", by: matriarch };
  }
}
