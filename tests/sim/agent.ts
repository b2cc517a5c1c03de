/**
 * A host's agent: the loop around the real core. It observes the models, looks, and has the actions carried out
 * (execute.ts), as src/agent does with the real things.
 */
import { holdsEpoch, leaseRules, mayBeOpen } from "../../src/core/standing.ts";
import type { Action, ActionKind, ActionResult } from "../../src/core/action.ts";
import { look } from "../../src/core/decide.ts";
import { afterAction } from "../../src/core/memory.ts";
import { formatReason } from "../../src/core/reason.ts";
import { isSettling } from "../../src/core/rules/settling.ts";
import { emptyMemory, type Memory, type Peer, type View } from "../../src/core/view.ts";
import type { ClusterRecord } from "../../src/domain/cluster.ts";
import type { Server } from "../../src/domain/server.ts";
import { Executor } from "./execute.ts";
import { Part } from "./time.ts";
import type { Host, World } from "./world.ts";

/** What one member's agent tells the others. */
interface Report {
  readonly incarnation: number;
  readonly server: Server;
  readonly epoch: number;
}

export class Agent {
  readonly part: Part;
  readonly executor: Executor;
  record: ClusterRecord | undefined;
  memory: Memory = emptyMemory;
  reason = "";
  readonly busy = new Map<ActionKind, number>();
  #peers: Record<string, Peer> = {};
  #epochSeenAt = 0;
  #storeReachable = true;
  #mustRead = false;
  #votedFor: number | undefined;
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
    this.busy.clear();
    this.executor.reset();
    this.#mustRead = false;
    this.#awake = false;
    this.#boot();
  }

  /** Nothing is decided before the store has been read. */
  #boot(): void {
    this.readStore((record) => {
      if (!record) return this.part.after(100, () => this.#boot());
      this.#adopt(record);
      this.setVotedFor(standingVote(record, this.#host.member));
      // A holder's guard that has just started gathers promises before its server is judged by them.
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
    const before = this.record;
    this.record = record;
    if (before?.reign.value.epoch !== record.reign.value.epoch) this.#epochSeenAt = this.#host.clock.now();
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

  /** The guard is told before the vote leaves: from then on it promises nothing below that epoch (P4). */
  setVotedFor(epoch: number | undefined): void {
    this.#votedFor = epoch;
    this.feedGuard();
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
    const { guard, clock, member, server } = this.#host;
    const lets = this.#world.wiring.switches.has("guard-lets-vote-at-start");
    return this.#world.wiring.view({
      self: member,
      now: clock.now(),
      wallNow: this.#world.scheduler.now,
      timings: this.#world.timings,
      cluster: record,
      storeReachable: this.#storeReachable,
      server: server.observe(),
      peers: this.#peers,
      lease: {
        startedAt: lets ? -Infinity : guard.startedAt,
        epochSeenAt: lets ? -Infinity : this.#epochSeenAt,
        held: guard.held,
        given: guard.voter.given,
        heardHolderAt: guard.voter.heardHolderAt,
      },
      busy: [...this.busy].map(([kind, since]) => ({ kind, since })),
      memory: this.memory,
    });
  }

  look(): void {
    const view = this.view();
    if (!view) return;
    this.#guardAgainstSpinning(view);
    const looked = look(view);
    this.memory = this.#world.wiring.memory(looked.memory, view);
    const decision = this.#world.wiring.decision(view, looked.decision);
    this.#say(formatReason(decision.because), decision.actions);
    this.feedGuard();
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
    // Nothing that was unsure can arrive any more: the vote that the store has is the one that binds.
    const settled = action.kind === "record" && isSettling(action) && result.outcome === "done";
    const rebuilt = action.kind === "clone" || action.kind === "rewind";
    // A vote binds the directory that it was given with; a rebuilt one has not voted.
    if ((settled || rebuilt) && this.record) this.setVotedFor(standingVote(this.record, this.#host.member));
    this.feedGuard();
  }

  feedGuard(): void {
    const { record } = this;
    const { guard, member, clock } = this.#host;
    const own = record?.members[member]?.value;
    if (!record || !own || !guard.part.alive) return;
    const { epoch, phase } = record.reign.value;
    const view = this.view();
    guard.part.run(() =>
      guard.hear({
        at: clock.now(),
        epoch,
        holds: view !== undefined && holdsEpoch(view),
        open: view !== undefined && mayBeOpen(view),
        released: phase === "released",
        rules: view ? leaseRules(view) : [],
        voter: { member, incarnation: own.incarnation },
        votedFor: this.#world.wiring.switches.has("promises-despite-vote") ? undefined : this.#votedFor,
      }),
    );
  }

  #say(reason: string, actions: readonly Action[]): void {
    const what = actions.map((action) => (action.kind === "record" ? `record:${action.what}` : action.kind)).join("+");
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

/** The vote that binds: for an epoch that nobody has taken yet, and given with the directory that there is now. */
function standingVote(record: ClusterRecord, member: string): number | undefined {
  const vote = record.votes[member]?.value;
  const current = vote?.voter.incarnation === record.members[member]?.value.incarnation;
  return vote && current && vote.epoch > record.reign.value.epoch ? vote.epoch : undefined;
}
