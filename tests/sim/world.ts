/** A simulated installation: hosts with an agent, a guard and a Postgres each, the network, the store, the clients. */
import type { ClusterRecord, ClusterSpec, Durability, MemberRecord, Timings } from "../../src/domain/cluster.ts";
import { defaultTimings } from "../../src/domain/cluster.ts";
import { localRegion } from "../../src/domain/host.ts";
import { zeroLsn } from "../../src/domain/lsn.ts";
import { noVoters } from "../../src/domain/rule.ts";
import { Agent } from "./agent.ts";
import { Checker } from "./checker.ts";
import { Clients } from "./clients.ts";
import { Endpoint } from "./endpoint.ts";
import { Guard } from "./guard.ts";
import { append, logStart } from "./log.ts";
import { Network } from "./network.ts";
import { PgServer } from "./postgres-model.ts";
import { seeded, type Random } from "./random.ts";
import { StoreModel } from "./store-model.ts";
import { HostClock, Scheduler } from "./time.ts";
import { faithful, type Wiring } from "./wiring.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly members: number;
  readonly durability: Durability;
  /** so many more members in another region: read replicas, as long as that is not the primary region */
  readonly far?: number | undefined;
  /** so many more that follow the second member, and not the primary */
  readonly cascaded?: number | undefined;
  /** only the first member has a directory; the others are copied from it, as after `create` over hosts */
  readonly bare?: boolean | undefined;
  readonly engine?: "embedded" | "system";
  /** it falls asleep without clients, and clients rest now and then */
  readonly sleepy?: boolean | undefined;
  readonly wiring?: Wiring | undefined;
  readonly tracing?: boolean | undefined;
}

export class Host {
  readonly id: string;
  readonly member: string;
  readonly clock: HostClock;
  readonly server: PgServer;
  readonly guard: Guard;
  readonly agent: Agent;
  readonly endpoint: Endpoint;
  /** true time of its last thaw */
  thawedAt = -Infinity;
  /** the endpoint holds clients while this epoch stands */
  heldEpoch = 0;
  /** joined later: no client is at its endpoint */
  readonly added: boolean;

  constructor(world: World, member: string, clock: HostClock, added: boolean) {
    this.id = `host-${member}`;
    this.member = member;
    this.clock = clock;
    this.added = added;
    this.server = new PgServer(world, member, this.id);
    this.guard = new Guard(world, this);
    this.endpoint = new Endpoint(world, this);
    this.agent = new Agent(world, this);
  }

  start(): void {
    if (!this.guard.part.alive) this.guard.start();
    if (!this.agent.part.alive) this.agent.start();
  }
}

export class World {
  readonly scheduler = new Scheduler();
  readonly random: Random;
  readonly network: Network;
  readonly timings: Timings = defaultTimings;
  readonly wiring: Wiring;
  readonly checker: Checker;
  readonly store: StoreModel;
  readonly clients: Clients;
  /** by host id */
  readonly hosts = new Map<string, Host>();
  /** versions of Postgres on which a member's server ends at its start */
  readonly unfit = new Map<string, string>();
  /** async, or a forced failover: acknowledged writes may be lost */
  mayLose: boolean;
  /** commits have waited for nobody */
  wasAsync: boolean;
  /** clients rest */
  isQuiet = false;
  /** how often it has fallen asleep */
  sleeps = 0;
  /** no fault before every member had its slots */
  calmStart = false;
  readonly options: WorldOptions;
  readonly lines: string[] = [];
  readonly #clocksOff: number;
  readonly #byMember = new Map<string, Host>();
  readonly #firstLog = append(logStart, 1, 4096);

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seeded(options.seed);
    this.wiring = options.wiring ?? faithful;
    this.network = new Network(this.scheduler, this.random);
    this.#clocksOff = seeded(options.seed ^ 0x0c10c).chance(1 / 3) ? 0.07 : 0.01;
    this.mayLose = options.durability === "async";
    this.wasAsync = this.mayLose;
    this.checker = new Checker(this);
    this.clients = new Clients(this);
    const count = options.members + (options.far ?? 0) + (options.cascaded ?? 0);
    const members = Array.from({ length: count }, (_, index) => `shop-${index + 1}`);
    this.store = new StoreModel(this, firstRecord(members, options));
    this.checker.holders.set(1, "shop-1");
    for (const [index, member] of members.entries()) this.addHost(member, index === 0 || options.bare !== true);
  }

  get members(): readonly string[] {
    return [...this.#byMember.keys()];
  }

  addHost(member: string, prepared: boolean): Host {
    // A third of the worlds have clocks that run as far apart as the protocol allows (docs/protocol.md).
    const rate = this.random.between(1 - this.#clocksOff, 1 + this.#clocksOff);
    const clock = new HostClock(this.scheduler, this.random.between(1000, 1e6), rate);
    const host = new Host(this, member, clock, !prepared);
    host.server.added = !prepared;
    this.hosts.set(host.id, host);
    this.#byMember.set(member, host);
    if (prepared) {
      const log = this.#firstLog;
      host.server.dir = {
        tip: log,
        flushed: log,
        replayed: log,
        highestTimeline: 1,
        slots: new Set(),
        keptFrom: 0,
        clean: true,
        wasPrimary: false,
        damaged: false,
        connections: log.connections,
      };
    }
    const recycle = (): void => {
      host.server.recycle();
      this.scheduler.after(this.random.between(1000, 4000), recycle);
    };
    this.scheduler.after(4000, recycle);
    host.start();
    return host;
  }

  host(id: string): Host {
    const host = this.hosts.get(id);
    if (!host) throw new Error(`no host ${id}`);
    return host;
  }

  hostOf(member: string): Host {
    const host = this.#byMember.get(member);
    if (!host) throw new Error(`no member ${member}`);
    return host;
  }

  server(member: string): PgServer | undefined {
    return this.#byMember.get(member)?.server;
  }

  /** Something about a member's server is different: its own agent and its peers hear of it. */
  changed(member: string): void {
    const host = this.#byMember.get(member);
    if (!host) return;
    host.agent.wake();
    host.agent.part.run(() => host.agent.sendReport());
  }

  holdClients(from: Host, epoch: number): void {
    for (const host of this.hosts.values())
      this.network.send(from.id, host.id, () => {
        host.heldEpoch = epoch;
      });
  }

  trace(who: string, what: string, _more?: unknown): void {
    if (!this.options.tracing) return;
    this.lines.push(`${(this.scheduler.now / 1000).toFixed(3).padStart(8)}  ${who.padEnd(7)} ${what}`);
  }
}

function firstRecord(members: readonly string[], options: WorldOptions): ClusterRecord {
  const spec: ClusterSpec = {
    name: "shop",
    generation: 1,
    major: 18,
    engine: options.engine ?? "embedded",
    durability: options.durability,
    members,
    primaryRegion: localRegion,
    lastMember: members.length,
    wish: "running",
    memoryBytes: 1,
    cpus: 1,
    ports: { primary: 1, read: 2 },
    settings: {},
    ...(options.sleepy === true ? { autostopMs: 300 } : {}),
    readLagBytesMax: 1e7,
    failoverLagBytesMax: 1e9,
    systemIdentifier: "1",
    createdAt: 0,
  };
  const reign = {
    epoch: 1,
    holder: "shop-1",
    incarnation: 1,
    timeline: 1,
    phase: "taken",
    how: "bootstrap",
    since: 0,
  } as const;
  return {
    revision: 1,
    spec: { value: spec, revision: 1 },
    reign: { value: reign, revision: 1 },
    rule: { value: { epoch: 1, rule: noVoters, previous: [] }, revision: 1 },
    timelines: { value: [{ id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 }], revision: 1 },
    members: Object.fromEntries(
      members.map((id, index) => {
        const of = index - options.members;
        const far = options.far ?? 0;
        const region = of >= 0 && of < far ? farRegion : localRegion;
        return [id, { value: memberRecord(id, region, of < far ? undefined : upstreamOfCascaded), revision: 1 }];
      }),
    ),
    votes: {},
    intent: undefined,
    pause: undefined,
    sleep: undefined,
    attachments: {},
  };
}

export const farRegion = "far";

/** whom those follow that do not follow the primary; it is a voter, and may become the primary itself */
export const upstreamOfCascaded = "shop-2";

export function memberRecord(id: string, region: string, upstream?: string): MemberRecord {
  return {
    id,
    host: `host-${id}`,
    region,
    zone: region,
    port: 1,
    dataDirectory: "/",
    incarnation: 1,
    wish: "none",
    version: "18.1",
    ...(upstream === undefined ? {} : { upstream }),
    createdAt: 0,
  };
}
