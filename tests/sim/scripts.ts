/**
 * Faults in a given order, for mutations that need several at the right moments: chance would find them once in many
 * thousand seeds. The seed still chooses the moments within their bounds. Used by mutations.ts.
 */
import { i6Progress } from "../../src/core/invariants.ts";
import type { Faults } from "./faults.ts";
import { upstreamOfCascaded, type Host, type World } from "./world.ts";

export type Script = (faults: Faults) => void;

/** every member is a voter by then */
const beginMs = 4000;

/**
 * The voter "shop-2" loses the holder and votes; then it hears the holder again, and cannot withdraw its vote because
 * it has lost the store. Meanwhile "shop-3" loses the holder too, and votes; the holder does not hear of the new epoch.
 */
export const hearsTheHolderAfterVoting: Script = ({ world }) => {
  const { random } = world;
  const [holder, voter, other] = ["shop-1", "shop-2", "shop-3"] as const;
  const votedMs = beginMs + random.between(1900, 2500);
  const backMs = votedMs + random.between(1700, 2600);
  after(world, beginMs, () => cut(world, holder, voter));
  after(world, votedMs, () => {
    cut(world, voter, "store");
    heal(world, holder, voter);
    cut(world, holder, other);
    cut(world, holder, "store");
  });
  after(world, backMs, () => heal(world, voter, "store"));
};

/** The voters' answers take long to reach the holder, then it is cut off from everybody. */
export const answersTakeLong: Script = ({ world }) => {
  const { random } = world;
  const [holder, ...others] = ["shop-1", "shop-2", "shop-3"] as const;
  const slowMs = random.between(800, 1400);
  after(world, beginMs, () => {
    for (const other of others)
      world.network.setFault(world.hostOf(other).id, world.hostOf(holder).id, { cut: false, loss: 0, slowMs });
  });
  after(world, beginMs + random.between(1000, 3000), () => {
    for (const end of [...others, "store"]) cut(world, holder, end);
  });
};

/**
 * The holder loses its voters and then its host: only a read replica has what it wrote in between. The voters cannot
 * reach the store until the replica's promise has run out too.
 */
export const replicaIsAhead: Script = ({ world }) => {
  const [holder, ...voters] = ["shop-1", "shop-2", "shop-3"] as const;
  const { server, agent, guard } = world.hostOf(holder);
  const lostMs = beginMs + world.random.between(200, 700);
  after(world, beginMs, () => {
    for (const voter of voters) cut(world, holder, voter);
  });
  after(world, lostMs, () => {
    server.crash();
    agent.part.kill();
    guard.part.kill();
    for (const voter of voters) cut(world, voter, "store");
  });
  after(world, lostMs + 2500, () => {
    for (const voter of voters) heal(world, voter, "store");
  });
};

/** The holder's agent is stuck for good, then its server ends: the others take over within a bound all the same (P7). */
export const agentStuckForGood: Script = ({ world }) => {
  const stuck = world.hostOf("shop-1");
  const diesMs = beginMs + world.random.between(500, 4000);
  const boundMs = 16_000;
  after(world, beginMs, () => stuck.agent.part.freeze());
  after(world, diesMs, () => stuck.server.crash());
  after(world, diesMs + boundMs, () => {
    const broken = i6Progress(boundMs, boundMs, withoutWrites(world, stuck));
    if (broken !== undefined) world.checker.broken("I6", broken);
  });
};

/**
 * A host hears nothing of the store, so its endpoint knows of no doze; meanwhile no client comes, and then all do. It has
 * not agreed, so the cluster must be awake (P12).
 */
export const hostHearsOfNoDoze: Script = ({ world }) => {
  const restMs = world.random.between(2500, 4500);
  after(world, beginMs, () => {
    cut(world, "shop-3", "store");
    world.isQuiet = true;
  });
  after(world, beginMs + restMs, () => (world.isQuiet = false));
  after(world, beginMs + restMs + 3000, () => heal(world, "shop-3", "store"));
};

/**
 * The standby that a replica follows is lost for good, and then the primary: each time the replica follows the one that
 * is the primary by then, within a bound, and has all of its log soon after.
 */
export const upstreamThenPrimaryLost: Script = ({ world }) => {
  const upstreamMs = beginMs + world.random.between(200, 1000);
  const primaryMs = upstreamMs + followsWithinMs + world.random.between(0, 1000);
  after(world, upstreamMs, () => loseForGood(world, upstreamOfCascaded));
  after(world, upstreamMs + followsWithinMs, () => assertFollowed(world));
  after(world, primaryMs, () => loseForGood(world, world.store.record.reign.value.holder));
  after(world, primaryMs + followsWithinMs, () => assertFollowed(world));
};

/** How long a standby may be away before its replica looks for another, an election, and a start anew. */
const followsWithinMs = 8000;

/** "shop-3" is behind when the others are lost; an operator makes it the primary all the same, and then they come back. */
export const forcedWithoutTheNewest: Script = ({ world, operator }) => {
  const [behind, ...newest] = ["shop-3", "shop-1", "shop-2"] as const;
  const lostMs = beginMs + 1000 + world.random.between(0, 1000);
  const forcedMs = lostMs + 3000;
  after(world, beginMs, () => {
    for (const other of newest) cut(world, behind, other);
  });
  after(world, lostMs, () => {
    for (const member of newest) loseForGood(world, member);
    for (const other of newest) heal(world, behind, other);
  });
  after(world, forcedMs, () => operator.failover(null, true));
  after(world, forcedMs + 5000, () => {
    for (const member of newest) world.hostOf(member).start();
  });
};

function loseForGood(world: World, member: string): void {
  const { server, agent, guard } = world.hostOf(member);
  server.crash();
  agent.part.kill();
  guard.part.kill();
}

function assertFollowed(world: World): void {
  const { members, reign } = world.store.record;
  const { holder, phase } = reign.value;
  // Without enough voters nobody is elected, and there is nobody to follow.
  if (phase !== "open" || world.server(holder)?.serves !== true) return;
  const replicas = Object.keys(members).filter((member) => members[member]?.value.upstream !== undefined);
  const alone = replicas.filter((member) => world.server(member)?.receiver?.upstream.member !== holder);
  const missing = alone.map((member) => `${member} does not follow ${holder}`);
  const broken = i6Progress(followsWithinMs, followsWithinMs, missing);
  if (broken !== undefined) world.checker.broken("I6", broken);
}

function withoutWrites(world: World, except: Host): readonly string[] {
  const fresh = world.scheduler.now - 2000;
  return [...world.hosts.values()]
    .filter((host) => host !== except && (world.clients.lastAcknowledged.get(host.id) ?? 0) < fresh)
    .map((host) => `no write acknowledged through ${host.id}`);
}

function after(world: World, ms: number, step: () => void): void {
  world.scheduler.after(ms, step);
}

function cut(world: World, one: string, other: string): void {
  for (const [from, to] of bothWays(world, one, other)) world.network.cut(from, to);
}

function heal(world: World, one: string, other: string): void {
  for (const [from, to] of bothWays(world, one, other)) world.network.healLink(from, to);
}

function bothWays(world: World, one: string, other: string) {
  const [a, b] = [one, other].map((end) => (end === "store" ? end : world.hostOf(end).id)) as [string, string];
  return [
    [a, b],
    [b, a],
  ] as const;
}
