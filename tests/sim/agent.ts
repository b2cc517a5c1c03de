/**
 * A host's agent: the loop around the real core. It observes the models, looks, and has the actions carried out
 * (execute.ts), as src/agent does with the real things.
 */
import { GuardedVoters } from "../../src/agent/guarded/guarded-voters.ts";
import { actsAsPrimary } from "../../src/core/standing.ts";
import type { Action, ActionKind, ActionResult } from "../../src/core/action.ts";
import { look } from "../../src/core/decide.ts";
import { wakeTxn } from "../../src/core/transactions.ts";
import { afterAction } from "../../src/core/memory.ts";
import { formatReason } from "../../src/core/reason.ts";
import { emptyMemory, type Memory, type Peer, type View } from "../../src/core/view.ts";
import type { ClusterRecord } from "../../src/domain/cluster.ts";
import type { Server } from "../../src/domain/server.ts";
import type { GuardReport, Postmaster } from "../../src/guard/wire.ts";
import { Executor } from "./execute.ts";
import { GuardLink } from "./guard-link.ts";
import { Part } from "./time.ts";
import type { Host, World } from "./world.ts";

/** What one member's agent tells the others. */
interface Report {
  readonly incarnation: number;
  readonly server: Server;
  readonly epoch: number;
  /** the doze to which this host's endpoint has agreed */
  readonly agreed: number | undefined;
}

export class Agent {
  readonly part: Part;
  readonly executor: Executor;
  record: ClusterRecord | undefined;
  memory: Memory = emptyMemory;
  reason = "";
  readonly busy = new Map<ActionKind, number>();
  #peers: Record<string, Peer> = {};
  readonly #agreed = new Map<string, number | undefined>();
  #link: GuardLink | undefined;
  #promises: GuardedVoters | undefined;
  #storeReachable = true;
  #waking = false;
  #mustRead = false;
  #awake = false;
  #looks: number[] = [];
  readonly #world: World;
  readonly #host: Host;

  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
    this.part = new Part(world.scheduler);
    this.part.alive = false;
    this.executor = new Executor(world, host, this);
  }

  start(): void {
    this.part.start();
    this.record = undefined;
    this.memory = emptyMemory;
    this.#peers = {};
    this.#agreed.clear();
    this.#host.endpoint.newAgent();
    this.#waking = false;
    this.busy.clear();
    this.executor.reset();
    this.#mustRead = false;
    this.#awake = false;
    this.#link = new GuardLink(this.#world, this.#host);
    this.#promises = new GuardedVoters("shop", this.#link, this.#world.timings.marginMs, () => this.wake());
    this.#boot();
  }

  /** A guard has started. */
  guardIsThere(): void {
    if (this.part.alive) this.part.run(() => this.#link?.connect());
  }

  hearGuard(report: GuardReport): void {
    this.#link?.hear(report);
  }

  /** Nothing is decided before the store has been read. */
  #boot(): void {
    this.readStore((record) => {
      if (!record) return this.part.after(100, () => this.#boot());
      this.#adopt(record);
      this.part.after(this.#world.random.between(20, 60), () => {
        this.#tick();
        this.#report();
      });
    });
  }

  readStore(done: (record: ClusterRecord | undefined) => void): void {
    const { life } = this.part;
    this.#world.store.read(this.#host.id, (record) => {
      if (this.part.life !== life) return;
      this.part.run(() => {
        this.#storeReachable = record !== undefined;
        done(record);
      });
    });
  }

  /** A watch event. */
  hearStore(record: ClusterRecord): void {
    this.part.run(() => {
      if (!this.record) return;
      this.#adopt(record);
      this.wake();
    });
  }

  adoptOwnCommit(record: ClusterRecord): void {
    this.#storeReachable = true;
    this.#adopt(record);
  }

  #adopt(record: ClusterRecord): void {
    if (this.record && record.revision <= this.record.revision) return;
    const isFirst = this.record === undefined;
    this.record = record;
    const { generation, settings } = record.spec.value;
    this.#host.server.wanted = { generation, settings: JSON.stringify(settings) };
    this.#host.endpoint.tell(record, isFirst);
    this.#promises?.learn(record, this.#host.clock.now());
  }

  /** After an unknown outcome: decisions go on, but the record is read as soon as the store answers. */
  mustReadStore(): void {
    if (this.#mustRead) return;
    this.#mustRead = true;
    const attempt = (): void =>
      this.readStore((record) => {
        if (!record) return this.part.after(200, attempt);
        this.#mustRead = false;
        this.#adopt(record);
        this.wake();
      });
    attempt();
  }

  /** A client waits at the endpoint; asked again by the next one when it comes to nothing. */
  wakeCluster(): void {
    if (this.#waking || !this.record?.sleep) return;
    this.#waking = true;
    const { life } = this.part;
    this.#world.store.commit(this.#host.id, wakeTxn(this.record), (outcome, record) => {
      if (this.part.life !== life) return;
      this.part.run(() => {
        this.#waking = false;
        if (outcome === "committed" && record) this.adoptOwnCommit(record);
        if (outcome !== "committed") this.mustReadStore();
        this.wake();
      });
    });
  }

  /** From before a vote is written: nothing is promised below its epoch any more (P4). */
  setVote(epoch: number | undefined): void {
    this.#promises?.setVote(this.#host.member, epoch);
  }

  /** Calls `then` once the guard knows all that it must know before a record leaves; false: it does not answer. */
  whenPromisesInForce(then: (isInForce: boolean) => void): void {
    this.#link?.whenInForce(then);
  }

  giveTimeBack(epoch: number, then: (isDone: boolean) => void): void {
    this.#link?.giveBack(epoch, then);
  }

  /** What this member has promised to the holder binds it still. */
  get isBound(): boolean {
    if (!this.record) return true;
    const { epoch, phase } = this.record.reign.value;
    if (phase === "released") return false;
    const now = this.#host.clock.now();
    const lease = this.#promises?.view(this.#host.member, now);
    return lease === undefined || (lease.given?.epoch === epoch && lease.given.until > now);
  }

  #tick(): void {
    this.wake();
    this.readStore((record) => {
      if (!record) return;
      this.#adopt(record);
      this.wake();
    });
    this.part.after(this.#world.timings.tickMs, () => this.#tick());
  }

  #report(): void {
    this.sendReport();
    this.part.after(200, () => this.#report());
  }

  sendReport(): void {
    if (!this.record) return;
    const { member } = this.#host;
    const report: Report = {
      incarnation: this.record.members[member]?.value.incarnation ?? 0,
      server: this.#host.server.observe(),
      epoch: this.record.reign.value.epoch,
      agreed: this.#host.endpoint.agreed,
    };
    for (const other of this.#world.hosts.values())
      if (other !== this.#host)
        this.#world.network.send(this.#host.id, other.id, () =>
          other.agent.part.run(() => other.agent.hearReport(member, report)),
        );
  }

  hearReport(from: string, report: Report): void {
    const before = this.#peers[from]?.server.kind;
    this.#peers[from] = { ...report, eligible: true, heardAt: this.#host.clock.now() };
    this.#agreed.set(from, report.agreed);
    if (before !== report.server.kind || report.server.kind === "running") this.wake();
  }

  /** Looks soon; several causes at once make one look. */
  wake(): void {
    if (this.#awake || !this.part.alive) return;
    this.#awake = true;
    this.part.after(this.#world.random.between(0.2, 2), () => {
      this.#awake = false;
      this.look();
    });
  }

  view(): View | undefined {
    const { record } = this;
    if (!record) return undefined;
    const { clock, member, server } = this.#host;
    const known = this.#promises?.view(member, clock.now());
    if (!known) {
      this.#promises?.introduce(record, member, this.#postmasterOf(server.observe()), clock.now());
      return undefined;
    }
    const lets = this.#world.wiring.switches.has("guard-lets-vote-at-start");
    const lease = lets ? { ...known, startedAt: -Infinity, epochSeenAt: -Infinity } : known;
    return this.#world.wiring.view({
      self: member,
      now: clock.now(),
      wallNow: this.#world.scheduler.now,
      timings: this.#world.timings,
      cluster: record,
      storeReachable: this.#storeReachable,
      server: server.observe(),
      peers: this.#peers,
      lease,
      isWorkedOn: false,
      hushed: this.#hushed(record),
      busy: [...this.busy].map(([kind, since]) => ({ kind, since })),
      memory: this.memory,
    });
  }

  /** As src/agent/sleeper.ts: every host has agreed, and was heard a moment ago. */
  #hushed({ sleep }: ClusterRecord): number | undefined {
    const revision = sleep?.revision;
    if (revision === undefined || this.#host.endpoint.agreed !== revision) return undefined;
    if (this.#world.wiring.switches.has("hosts-not-asked")) return revision;
    const now = this.#host.clock.now();
    const others = this.#world.members.filter((member) => member !== this.#host.member);
    const agree = (member: string): boolean =>
      this.#agreed.get(member) === revision && now - (this.#peers[member]?.heardAt ?? -Infinity) <= 1500;
    return others.every(agree) ? revision : undefined;
  }

  look(): void {
    const view = this.view();
    if (!view) return;
    this.#guardAgainstSpinning(view);
    const looked = look(view);
    this.memory = this.#world.wiring.memory(looked.memory, view);
    const decision = this.#world.wiring.decision(view, looked.decision);
    this.#say(formatReason(decision.because), decision.actions);
    this.#promises?.stand({ ...view, memory: this.memory }, this.#postmasterOf(view.server));
    if (decision.recheckAt !== undefined) {
      const inMs = Math.max(5, this.#host.clock.until(decision.recheckAt));
      this.part.after(inMs, () => this.wake());
    }
    const due = decision.actions.filter((action) => !this.busy.has(action.kind));
    if (due.some((action) => action.kind === "fence")) this.executor.abort();
    for (const action of due) this.busy.set(action.kind, this.#host.clock.now());
    if (due.length > 0) this.#carryOut(due, view);
  }

  /** One after another; a failed one stops the rest. */
  #carryOut(actions: readonly Action[], view: View): void {
    const [action, ...rest] = actions;
    if (!action) return this.wake();
    const { life } = this.part;
    this.executor.run(action, view, (result) => {
      if (this.part.life !== life) return;
      this.part.run(() => {
        this.#ended(action, result);
        if (result.outcome === "done") return this.#carryOut(rest, view);
        this.#world.trace(this.#host.member, `${action.kind} ${result.outcome}: ${result.message ?? ""}`);
        for (const left of rest) this.#ended(left, { kind: left.kind, outcome: "refused", message: "a step failed" });
        this.part.after(this.#world.random.between(20, 200), () => this.wake());
      });
    });
  }

  #ended(action: Action, result: ActionResult): void {
    this.busy.delete(action.kind);
    this.memory = afterAction(this.memory, action, result, this.#host.clock.now());
    if (result.outcome === "unknown") this.mustReadStore();
  }

  #postmasterOf(seen: Server): Postmaster | null {
    const { server, member } = this.#host;
    if (server.state === "stopped") return null;
    return { pid: server.part.life, isPrimary: actsAsPrimary(seen), dataDirectory: `/data/${member}` };
  }

  #say(reason: string, actions: readonly Action[]): void {
    const what = actions.map(nameOf).join("+");
    const said = `${what || "-"}  ${reason}`;
    if (said.replace(/\d+(\.\d+)?/g, "#") === this.reason.replace(/\d+(\.\d+)?/g, "#")) return;
    this.reason = said;
    this.#world.trace(this.#host.member, said);
  }

  #guardAgainstSpinning(view: View): void {
    const { now } = this.#world.scheduler;
    this.#looks.push(now);
    if (this.#looks.length <= 1500) return;
    const oldest = this.#looks.shift() ?? 0;
    if (now - oldest < 1500) this.#world.checker.broken("L1", `${view.self} looks without end: ${this.reason}`);
  }
}

function nameOf(action: Action): string {
  if (action.kind === "record") return `record:${action.what}`;
  return "keeps" in action && action.keeps ? `keep+${action.kind}` : action.kind;
}
