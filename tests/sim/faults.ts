/**
 * What goes wrong, by a seeded schedule. Each fault begins, lasts, and ends by itself; `healAll` ends what is left.
 * Directories are lost only while every other member has all that was acknowledged: more is beyond any promise.
 */
import { inPrimaryRegion, regionOf, votersInFull } from "../../src/core/regions.ts";
import { Operator } from "./operator.ts";
import { upstreamOfCascaded, type Host, type World } from "./world.ts";

interface FaultKind {
  readonly name: string;
  readonly weight: number;
  /** only for a cluster with members in two regions */
  readonly needsRegions?: true;
  /** only for a cluster with a member that follows a standby */
  readonly needsCascade?: true;
  readonly begin: (faults: Faults, host: Host) => void;
}

export class Faults {
  readonly world: World;
  readonly operator: Operator;
  #over = false;
  #lostDirectory: string | undefined;
  readonly #kinds: readonly FaultKind[];

  constructor(world: World, only?: readonly string[]) {
    this.world = world;
    this.operator = new Operator(world);
    const { far = 0, cascaded = 0 } = world.options;
    const possible = kinds.filter((kind) => (!kind.needsRegions || far > 0) && (!kind.needsCascade || cascaded > 0));
    this.#kinds = only ? possible.filter((kind) => only.includes(kind.name)) : possible;
  }

  start(): void {
    // Some runs are calm with few faults far apart, others pile them up.
    const meanMs = this.world.random.pick([500, 1200, 2500]);
    const next = (): void => {
      if (this.#over) return;
      this.#begin();
      this.world.scheduler.after(-Math.log(1 - this.world.random.next()) * meanMs, next);
    };
    this.world.scheduler.after(this.world.random.between(0, 1000), next);
  }

  #begin(): void {
    const total = this.#kinds.reduce((sum, kind) => sum + kind.weight, 0);
    let left = this.world.random.between(0, total);
    const kind = this.#kinds.find((candidate) => (left -= candidate.weight) <= 0) ?? this.#kinds[0];
    if (!kind) return;
    const host = this.aim();
    this.world.trace("fault", `${kind.name} ${host.member}`);
    kind.begin(this, host);
  }

  /** The primary is the most interesting member. */
  aim(): Host {
    const { random, store, hosts } = this.world;
    const holder = this.world.hosts.get(`host-${store.record.reign.value.holder}`);
    return holder && random.chance(0.45) ? holder : random.pick([...hosts.values()]);
  }

  /** `begin` now, `end` after a while. */
  lasting(low: number, high: number, end: () => void): void {
    this.world.scheduler.after(this.world.random.between(low, high), end);
  }

  cut(pairs: readonly (readonly [string, string])[], low: number, high: number): void {
    for (const [from, to] of pairs) this.world.network.cut(from, to);
    this.lasting(low, high, () => {
      for (const [from, to] of pairs) this.world.network.healLink(from, to);
    });
  }

  others(host: Host): readonly Host[] {
    return [...this.world.hosts.values()].filter((other) => other !== host);
  }

  betweenRegions(): readonly (readonly [string, string])[] {
    const { record } = this.world.store;
    const hosts = [...this.world.hosts.values()];
    const differ = (a: Host, b: Host): boolean => regionOf(record, a.member) !== regionOf(record, b.member);
    return hosts.flatMap((a) => hosts.filter((b) => differ(a, b)).map((b) => [a.id, b.id] as const));
  }

  loseDirectory(host: Host, how: "gone" | "damaged"): void {
    if (this.#lostDirectory !== undefined && !this.#isBack(this.#lostDirectory)) return;
    if (!this.#fullStrength()) return;
    this.#lostDirectory = host.member;
    host.server.crash();
    if (how === "gone") host.server.dir = undefined;
    else if (host.server.dir) host.server.dir.damaged = true;
    this.world.changed(host.member);
  }

  #isBack(member: string): boolean {
    const dir = this.world.server(member)?.dir;
    return dir !== undefined && !dir.damaged && this.#fullStrength();
  }

  /** Every member is a voter or the holder, has its directory, and has flushed every acknowledged write. */
  #fullStrength(): boolean {
    const { record } = this.world.store;
    const { reign, rule, spec } = record;
    const { members } = spec.value;
    const { voters } = rule.value.rule;
    if (members.length < 2 || reign.value.phase !== "open" || rule.value.previous.length > 0) return false;
    if (voters.length === 0 || voters.length !== votersInFull(record) || !inPrimaryRegion(record, reign.value.holder))
      return false;
    const holder = this.world.server(reign.value.holder);
    if (!holder?.dir || holder.state !== "running" || holder.role !== "primary") return false;
    const acknowledged = this.world.checker.acknowledged.at(-1)?.record.depth ?? 0;
    return members.every((member) => {
      const server = this.world.server(member);
      const current = server?.incarnation === record.members[member]?.value.incarnation;
      return current && server?.state === "running" && (server.dir?.flushed.depth ?? -1) >= acknowledged;
    });
  }

  stop(): void {
    this.#over = true;
  }

  healAll(): void {
    this.stop();
    const { world } = this;
    world.network.heal();
    world.store.setState("up");
    this.operator.resume();
    this.operator.startAgain();
    for (const host of world.hosts.values()) {
      wake(host, world);
      host.server.thaw();
      host.agent.part.thaw();
      host.guard.part.thaw();
      host.server.diskFull = false;
      host.server.flushStuck = false;
      host.start();
    }
  }
}

function wake(host: Host, world: World): void {
  host.thawedAt = world.scheduler.now;
}

function crashHost(faults: Faults, host: Host, low: number, high: number): void {
  host.server.crash();
  host.agent.part.kill();
  host.guard.part.kill();
  faults.lasting(low, high, () => host.start());
}

const kinds: readonly FaultKind[] = [
  { name: "crash-server", weight: 10, begin: (_, host) => host.server.crash() },
  {
    name: "freeze-server",
    weight: 8,
    begin: (faults, host) => {
      host.server.freeze();
      faults.lasting(200, 6000, () => host.server.thaw());
    },
  },
  {
    name: "crash-agent",
    weight: 6,
    begin: (faults, host) => {
      host.agent.part.kill();
      faults.lasting(50, 8000, () => host.start());
    },
  },
  {
    name: "freeze-agent",
    weight: 6,
    begin: (faults, host) => {
      host.agent.part.freeze();
      faults.lasting(300, 14_000, () => host.agent.part.thaw());
    },
  },
  {
    name: "crash-guard",
    weight: 3,
    begin: (faults, host) => {
      host.guard.part.kill();
      faults.lasting(50, 3000, () => host.start());
    },
  },
  {
    name: "freeze-guard",
    weight: 3,
    begin: (faults, host) => {
      host.guard.part.freeze();
      faults.lasting(200, 4000, () => {
        wake(host, faults.world);
        host.guard.part.thaw();
      });
    },
  },
  { name: "crash-host", weight: 7, begin: (faults, host) => crashHost(faults, host, 300, 9000) },
  {
    name: "power-cut",
    weight: 1,
    begin: (faults) => {
      for (const host of faults.world.hosts.values()) crashHost(faults, host, 100, 3000);
    },
  },
  {
    name: "freeze-host",
    weight: 7,
    begin: (faults, host) => {
      host.server.freeze();
      host.agent.part.freeze();
      host.guard.part.freeze();
      faults.lasting(200, 6000, () => {
        wake(host, faults.world);
        host.guard.part.thaw();
        host.agent.part.thaw();
        host.server.thaw();
      });
    },
  },
  {
    name: "cut-pair",
    weight: 6,
    begin: (faults, host) => {
      const other = faults.others(host)[0];
      if (!other) return;
      const picked = faults.world.random.pick(faults.others(host));
      faults.cut(
        [
          [host.id, picked.id],
          [picked.id, host.id],
        ],
        300,
        8000,
      );
    },
  },
  {
    name: "cut-one-way",
    weight: 6,
    begin: (faults, host) => {
      const others = faults.others(host);
      const out = faults.world.random.chance(0.5);
      faults.cut(
        others.map((other) => (out ? [host.id, other.id] : [other.id, host.id])),
        300,
        8000,
      );
    },
  },
  {
    name: "isolate",
    weight: 8,
    begin: (faults, host) => {
      const ends = [...faults.others(host).map((other) => other.id), "store"];
      faults.cut(
        ends.flatMap(
          (end) =>
            [
              [host.id, end],
              [end, host.id],
            ] as const,
        ),
        300,
        9000,
      );
    },
  },
  {
    name: "cut-from-peers",
    weight: 6,
    begin: (faults, host) => {
      const pairs = faults.others(host).flatMap(
        (o) =>
          [
            [host.id, o.id],
            [o.id, host.id],
          ] as const,
      );
      faults.cut(pairs, 300, 9000);
    },
  },
  {
    name: "cut-from-store",
    weight: 6,
    begin: (faults, host) => {
      const way = faults.world.random.int(0, 2);
      const pairs = [
        [host.id, "store"],
        ["store", host.id],
      ] as const;
      faults.cut(way === 0 ? pairs : [pairs[way - 1]!], 300, 9000);
    },
  },
  {
    name: "lossy-link",
    weight: 4,
    begin: (faults, host) => {
      const loss = faults.world.random.between(0.05, 0.6);
      const slowMs = faults.world.random.pick([0, 50, 400]);
      const ends = [...faults.others(host).map((other) => other.id), "store"];
      for (const end of ends) {
        faults.world.network.setFault(host.id, end, { cut: false, loss, slowMs });
        faults.world.network.setFault(end, host.id, { cut: false, loss, slowMs });
      }
      faults.lasting(500, 8000, () => {
        for (const end of ends) {
          faults.world.network.healLink(host.id, end);
          faults.world.network.healLink(end, host.id);
        }
      });
    },
  },
  {
    name: "store-down",
    weight: 4,
    begin: (faults) => {
      faults.world.store.setState("down");
      faults.lasting(300, 10_000, () => faults.world.store.setState("up"));
    },
  },
  {
    name: "store-election",
    weight: 5,
    begin: (faults) => {
      faults.world.store.setState("electing");
      faults.lasting(200, 3000, () => faults.world.store.setState("up"));
    },
  },
  {
    name: "flush-stuck",
    weight: 3,
    begin: (faults, host) => {
      host.server.flushStuck = true;
      faults.lasting(300, 9000, () => (host.server.flushStuck = false));
    },
  },
  {
    name: "disk-full",
    weight: 3,
    begin: (faults, host) => {
      host.server.diskFull = true;
      faults.lasting(300, 5000, () => (host.server.diskFull = false));
    },
  },
  { name: "directory-gone", weight: 3, begin: (faults, host) => faults.loseDirectory(host, "gone") },
  { name: "directory-damaged", weight: 2, begin: (faults, host) => faults.loseDirectory(host, "damaged") },
  {
    name: "wal-lost",
    weight: 2,
    begin: (_, host) => {
      if (!host.server.dir || host.server.role !== "primary") return;
      host.server.dir.keptFrom = host.server.dir.flushed.depth;
      host.server.walLost = true;
    },
  },
  {
    name: "switchover",
    weight: 8,
    begin: (faults) => {
      const { members } = faults.world.store.record.spec.value;
      faults.operator.switchover(faults.world.random.chance(0.5) ? null : faults.world.random.pick(members));
    },
  },
  { name: "failover", weight: 3, begin: (faults) => faults.operator.failover(null) },
  { name: "restart", weight: 2, begin: (faults) => faults.operator.restart() },
  { name: "restart-primary-first", weight: 1, begin: (faults) => faults.operator.restart(true) },
  {
    name: "settings",
    weight: 2,
    begin: ({ operator, world: { random } }) =>
      operator.configure({ work_mem: String(random.int(1, 3)), max_connections: String(random.int(1, 3) * 100) }),
  },
  { name: "pause", weight: 2, begin: (faults) => faults.operator.pause(faults.world.random.between(500, 6000)) },
  {
    name: "stop-start",
    weight: 1,
    begin: (faults) => {
      faults.operator.stop();
      faults.lasting(500, 5000, () => faults.operator.startAgain());
    },
  },
  { name: "reclone", weight: 2, begin: (faults, host) => faults.operator.reclone(host.member) },
  { name: "remove-member", weight: 1, begin: (faults, host) => faults.operator.removeMember(host.member) },
  { name: "change-region", weight: 6, needsRegions: true, begin: (faults) => faults.operator.changeRegion() },
  {
    name: "cut-region",
    weight: 5,
    needsRegions: true,
    begin: (faults) => faults.cut(faults.betweenRegions(), 300, 9000),
  },
  {
    name: "upstream-lost",
    weight: 6,
    needsCascade: true,
    begin: (faults) => crashHost(faults, faults.world.hostOf(upstreamOfCascaded), 300, 9000),
  },
  {
    name: "upstream-and-primary-lost",
    weight: 3,
    needsCascade: true,
    begin: (faults) => {
      const { holder } = faults.world.store.record.reign.value;
      for (const member of new Set([holder, upstreamOfCascaded]))
        crashHost(faults, faults.world.hostOf(member), 300, 9000);
    },
  },
  { name: "add-member", weight: 1, begin: (faults) => faults.operator.addMember() },
  {
    name: "durability",
    weight: 1,
    begin: (faults) => {
      if (!faults.world.mayLose) faults.operator.durability(faults.world.random.pick(["quorum", "strict"]));
    },
  },
];
