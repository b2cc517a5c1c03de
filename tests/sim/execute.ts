/** Carries out the core's actions on the models, with their delays and failures, as src/agent/act.ts does on the real things. */
import { standingVote } from "../../src/agent/promises.ts";
import type { Action, ActionResult } from "../../src/core/action.ts";
import { isSettling } from "../../src/core/rules/settling.ts";
import type { View } from "../../src/core/view.ts";
import { forkOf } from "./log.ts";
import type { Agent } from "./agent.ts";
import type { Host, World } from "./world.ts";

type Done = (result: ActionResult) => void;
type Server = Host["server"];

export class Executor {
  readonly #world: World;
  readonly #host: Host;
  readonly #agent: Agent;
  /** ends what runs on the server, as failed */
  #aborts = new Set<() => void>();

  constructor(world: World, host: Host, agent: Agent) {
    this.#world = world;
    this.#host = host;
    this.#agent = agent;
  }

  reset(): void {
    this.#aborts.clear();
  }

  /** Fencing goes before everything: what else runs on the server ends now. */
  abort(): void {
    const aborts = [...this.#aborts];
    this.#aborts.clear();
    for (const abort of aborts) abort();
  }

  run(asked: Action, view: View, report: Done): void {
    const action = this.#world.wiring.action(asked, view);
    let ended = false;
    const end = (outcome: ActionResult["outcome"], more: Partial<ActionResult> = {}): void => {
      if (ended) return;
      ended = true;
      this.#aborts.delete(abort);
      report({ kind: asked.kind, outcome, ...more });
    };
    const abort = (): void => end("failed", { message: "fenced meanwhile" });
    if (!action) return this.#world.scheduler.after(5, () => end("done"));
    if (action.kind !== "record" && action.kind !== "fence") this.#aborts.add(abort);
    this.#start(action, view, end);
  }

  #start(
    action: Action,
    view: View,
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const { server } = this.#host;
    const { random, scheduler, wiring } = this.#world;
    const soon = (run: () => void, low: number, high: number): void => scheduler.after(random.between(low, high), run);
    if (this.#refuses(action)) return soon(() => end("refused", { message: "another epoch" }), 1, 2);
    switch (action.kind) {
      case "fence":
        if (wiring.switches.has("fence-does-nothing")) return soon(() => end("done"), 50, 100);
        server.crash();
        return soon(() => end("done"), 5, 80);
      case "stop":
        return this.#stop(server, action.withinMs, action.then, end);
      case "start": {
        if (!server.dir || server.state !== "stopped")
          return soon(() => end("failed", { message: "not stopped" }), 1, 5);
        server.filesSay = server.wanted.settings;
        server.incarnation = this.#agent.record?.members[this.#host.member]?.value.incarnation ?? 1;
        server.version = this.#agent.record?.members[this.#host.member]?.value.version;
        server.start(action.as, { epoch: action.epoch, names: action.rule, upstream: action.upstream });
        return soon(() => end("done"), 5, 20);
      }
      case "follow":
        return this.#onServer(end, 5, 60, () => server.setUpstream(action.upstream));
      case "stop-receiver":
        if (wiring.switches.has("receiver-not-stopped")) return soon(() => end("done"), 1, 5);
        return this.#stopReceiver(end);
      case "promote":
        return this.#promote(action, end);
      case "set-rule":
        return this.#setRule(action, end);
      case "barrier":
        return this.#barrier(end);
      case "checkpoint":
        return this.#onServer(end, 20, 200, () => server.recycle());
      case "slots":
        return this.#onServer(end, 2, 20, () => {
          if (server.dir) server.dir.slots = new Set(action.members);
        });
      case "configure":
        return this.#onServer(end, 2, 20, () => {
          server.filesSay = server.wanted.settings;
        });
      case "rewind":
      case "clone":
        return this.#rebuild(action, end);
      case "remove-member":
        this.#world.checker.directoryGoes(server, action.keeps);
        server.dir = undefined;
        return soon(() => end("done"), 20, 60);
      case "hold-clients":
        this.#world.holdClients(this.#host, view.cluster.reign.value.epoch);
        return soon(() => end("done"), 2, 20);
      case "release":
        return this.#agent.giveTimeBack(action.epoch, (isDone) => end(isDone ? "done" : "failed"));
      case "record":
        return this.#record(action, end);
    }
  }

  /** The drivers refuse what opens a server to writes under another epoch than the one that is known now. */
  #refuses(action: Action): boolean {
    const opens =
      action.kind === "promote" ||
      action.kind === "set-rule" ||
      action.kind === "barrier" ||
      (action.kind === "start" && action.as === "primary");
    return opens && action.epoch !== this.#agent.record?.reign.value.epoch;
  }

  /** A step that the running server takes part in: it fails when the server goes, and hangs while it is frozen. */
  #onServer(
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
    low: number,
    high: number,
    step: () => void,
    deadlineMs = 3000,
  ): void {
    const { server } = this.#host;
    if (server.state !== "running") return end("failed", { message: "no running server" });
    server.part.after(this.#world.random.between(low, high), () => {
      step();
      end("done");
    });
    this.#failWhenGone(end, deadlineMs);
  }

  #failWhenGone(
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
    deadlineMs: number,
  ): void {
    const { server } = this.#host;
    const { life } = server.part;
    let left = deadlineMs;
    let over = false;
    const finish = (message: string): void => {
      over = true;
      end("failed", { message });
    };
    const watch = (): void => {
      if (over) return;
      if (server.part.life !== life || !server.part.alive) return finish("the server ended");
      if (left <= 0) return finish("no answer in time");
      left -= 50;
      this.#world.scheduler.after(50, watch);
    };
    this.#world.scheduler.after(50, watch);
  }

  #stop(server: Server, withinMs: number, then: "give-up" | "fence", end: (o: ActionResult["outcome"]) => void): void {
    if (server.state === "stopped") return end("done");
    const { life } = server.part;
    server.part.run(() => server.stop(() => end("done")));
    this.#world.scheduler.after(withinMs, () => {
      if (server.part.life !== life || server.state === "stopped") return end("done");
      if (then === "fence") server.crash();
      end(then === "fence" ? "done" : "failed");
    });
  }

  #stopReceiver(end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void): void {
    const { server } = this.#host;
    if (server.state !== "running") return end("failed", { message: "no running server" });
    const poll = (): void => {
      if (!server.receiver) return end("done");
      server.part.after(10, poll);
    };
    server.part.run(() => {
      server.setUpstream(null);
      server.part.after(10, poll);
    });
    this.#failWhenGone(end, 3000);
  }

  #promote(
    action: Extract<Action, { kind: "promote" }>,
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const { server } = this.#host;
    const plants = !this.#world.wiring.switches.has("timelines-not-planted");
    const known = action.known.map((timeline) => timeline.id).filter((id) => id < action.timeline);
    // A promotion that crashed may have left the history file of its timeline: Postgres would take the one after.
    if (plants && (server.dir?.highestTimeline ?? 0) >= action.timeline)
      return end("failed", { message: "a history file of that timeline is there already" });
    server.part.run(() =>
      server.promote(action.epoch, action.rule, plants ? Math.max(0, ...known) : 0, () =>
        end("done", server.dir ? { lsn: forkOf(server.dir.tip) } : {}),
      ),
    );
    this.#failWhenGone(end, this.#world.timings.promoteMs);
  }

  #setRule(
    action: Extract<Action, { kind: "set-rule" }>,
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const { server } = this.#host;
    server.part.run(() =>
      server.setNames(action.rule, () => {
        for (const stream of server.senders) if (action.endStreams.includes(stream.name)) stream.endSender();
        end("done", server.dir ? { lsn: server.dir.tip.lsn } : {});
        this.#world.changed(this.#host.member);
      }),
    );
    this.#failWhenGone(end, 3000);
  }

  #barrier(end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void): void {
    const { server } = this.#host;
    server.part.run(() =>
      server.commit(undefined, (outcome) => {
        if (outcome === "acknowledged") end("done", server.dir ? { lsn: server.dir.flushed.lsn } : {});
        else end("failed", { message: "the server ended" });
      }),
    );
    this.#failWhenGone(end, 60_000);
  }

  /** The record first: from then on the directory is another voter. The old one is kept until the new one is whole. */
  #rebuild(
    action: Extract<Action, { kind: "rewind" | "clone" }>,
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const { server } = this.#host;
    const source = this.#world.server(action.source);
    this.#commit(action.record, (outcome) => {
      if (outcome !== "done") return end(outcome, { message: "the new incarnation was not recorded" });
      if (!source) return end("failed", { message: "no source" });
      this.#world.checker.rebuildBegins(this.#host.member, source, action.source);
      const acknowledged = this.#world.checker.acknowledged.length;
      const { life } = source.part;
      const lasts = action.kind === "clone" ? [300, 2500] : [200, 800];
      this.#world.scheduler.after(this.#world.random.between(lasts[0]!, lasts[1]!), () => {
        const reachable =
          this.#world.network.delay(this.#host.id, source.host) !== undefined &&
          this.#world.network.delay(source.host, this.#host.id) !== undefined;
        const alive = source.state === "running" && source.part.life === life && !source.part.frozen;
        if (!alive || !source.dir || !reachable || server.state !== "stopped" || server.diskFull)
          return end("failed", { message: "the source was lost" });
        if (action.kind === "rewind" && server.dir && this.#world.random.chance(0.2))
          return end("failed", { message: "rewind failed" });
        this.#world.checker.directoryGoes(server, action.kind === "clone" && action.keeps);
        this.#world.checker.directoryReplaced(this.#host.member, source, acknowledged);
        server.replaceDirectory(source.dir);
        end("done");
      });
    });
  }

  #record(
    action: Extract<Action, { kind: "record" }>,
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const isVote = action.what === "vote";
    // Before the vote can be seen by anybody, this voter has stopped promising (P4).
    if (isVote) this.#agent.setVote((this.#agent.record?.reign.value.epoch ?? 0) + 1);
    this.#agent.whenPromisesInForce((isInForce) => {
      const unchecked = this.#world.wiring.switches.has("guard-lets-vote-at-start");
      const refusal = !isInForce
        ? { outcome: "failed" as const, message: "the guard does not answer" }
        : isVote && this.#agent.isBound && !unchecked
          ? { outcome: "refused" as const, message: "promised meanwhile" }
          : undefined;
      if (refusal && isVote) this.#agent.setVote(undefined);
      if (refusal) return end(refusal.outcome, { message: refusal.message });
      this.#commit(action.txn, (outcome) => this.#recorded(action, outcome, end));
    });
  }

  #recorded(
    action: Extract<Action, { kind: "record" }>,
    outcome: ActionResult["outcome"],
    end: (outcome: ActionResult["outcome"], more?: Partial<ActionResult>) => void,
  ): void {
    const { record } = this.#agent;
    const voteGone =
      (action.what === "vote" && (outcome === "failed" || outcome === "refused")) ||
      (action.what === "withdraw-vote" && outcome === "done");
    if (voteGone) this.#agent.setVote(undefined);
    // Nothing that was unsure can arrive any more: the vote that the store has is the one that binds.
    if (isSettling(action) && outcome === "done" && record)
      this.#agent.setVote(standingVote(record, this.#host.member));
    end(outcome, { message: action.what });
  }

  #commit(
    txn: Parameters<World["store"]["commit"]>[1],
    done: (outcome: "done" | "failed" | "refused" | "unknown") => void,
  ): void {
    const { life } = this.#agent.part;
    const unknownIsFailed = this.#world.wiring.switches.has("unknown-taken-as-failed");
    this.#world.store.commit(this.#host.id, txn, (outcome, record) => {
      if (this.#agent.part.life !== life) return;
      this.#agent.part.run(() => {
        if (outcome === "committed" && record) this.#agent.adoptOwnCommit(record);
        if (outcome === "refused") this.#agent.readStore((fresh) => fresh && this.#agent.hearStore(fresh));
        if (outcome === "unknown" && unknownIsFailed) return done("failed");
        done(outcome === "committed" ? "done" : outcome);
      });
    });
  }
}
