/** The operator's commands, as the API would write them: wishes in the store, at the worst moments that chance finds. */
import type {
  ClusterRecord,
  ClusterSpec,
  Durability,
  Intent,
  RecordKey,
  RecordValue,
} from "../../src/domain/cluster.ts";
import { inPrimaryRegion } from "../../src/core/regions.ts";
import { localRegion } from "../../src/domain/host.ts";
import { farRegion, memberRecord, upstreamOfCascaded, type World } from "./world.ts";

export class Operator {
  readonly #world: World;
  #commands = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get #record(): ClusterRecord {
    return this.#world.store.record;
  }

  #write(key: RecordKey, value: RecordValue | null, require: { readonly revision: number } | 0): void {
    const revision = require === 0 ? 0 : require.revision;
    this.#world.store.apply({ require: [{ key, revision }], write: [{ key, value }] });
  }

  #spec(change: Partial<ClusterSpec>): void {
    const { spec } = this.#record;
    this.#write("spec", { ...spec.value, ...change, generation: spec.value.generation + 1 }, spec);
  }

  intend(intent: Intent): void {
    if (this.#record.intent === undefined) this.#write("intent", intent, 0);
  }

  #base() {
    return { id: `op-${++this.#commands}`, requestedAt: this.#world.scheduler.now, by: "operator" };
  }

  switchover(to: string | null): void {
    this.intend({ kind: "switchover", to, epoch: this.#record.reign.value.epoch, ...this.#base() });
  }

  failover(to: string | null, acceptDataLoss = false): void {
    if (acceptDataLoss) this.#world.mayLose = true;
    this.intend({ kind: "failover", to, epoch: this.#record.reign.value.epoch, acceptDataLoss, ...this.#base() });
  }

  /** An operation that nobody fulfilled in time takes its wish back. */
  giveUp(): void {
    if (this.#record.intent) this.#write("intent", null, this.#record.intent);
  }

  /** Every other time onto a newer version. Drawn from no generator: what is under way stays as the seed has it. */
  restart(primaryFirst = false): void {
    const base = this.#base();
    if (primaryFirst)
      return this.intend({ kind: "restart", pending: this.#record.spec.value.members, primaryFirst, ...base });
    if (this.#commands % 2 === 0) return this.#upgrade(base, this.#someone());
    this.intend({ kind: "restart", pending: this.#record.spec.value.members, ...base });
  }

  /** Of a setting that a running server follows, and of one that binds standbys and wants a restart. */
  configure(settings: Readonly<Record<string, string>>): void {
    this.#spec({ settings });
  }

  upgrade(failsOn?: string): void {
    this.#upgrade(this.#base(), failsOn);
  }

  /** Or nobody. */
  #someone(): string | undefined {
    const { spec, reign } = this.#record;
    return spec.value.members[(this.#commands + reign.value.epoch) % (spec.value.members.length + 1)];
  }

  #upgrade(base: Pick<Intent, "id" | "requestedAt" | "by">, failsOn: string | undefined): void {
    const { members, spec } = this.#record;
    const to = this.#nextVersion();
    const versions = spec.value.members.map((id) => [id, members[id]?.value.version ?? to] as const);
    if (failsOn !== undefined) this.#world.unfit.set(failsOn, to);
    const upgrade = { to, from: Object.fromEntries(versions) };
    this.intend({ kind: "restart", purpose: "upgrade", pending: spec.value.members, upgrade, ...base });
  }

  #nextVersion(): string {
    const minors = Object.values(this.#record.members).map(({ value }) => Number(value.version?.split(".")[1] ?? 0));
    return `18.${Math.max(...minors) + 1}`;
  }

  pause(forMs: number): void {
    if (this.#record.pause) return;
    this.#write("pause", { until: this.#world.scheduler.now + forMs, by: "operator" }, 0);
  }

  resume(): void {
    if (this.#record.pause) this.#write("pause", null, this.#record.pause);
  }

  stop(): void {
    this.#spec({ wish: "stopped" });
  }

  startAgain(): void {
    if (this.#record.spec.value.wish === "stopped") this.#spec({ wish: "running" });
  }

  durability(durability: Durability): void {
    if (durability === "async") this.#world.mayLose = this.#world.wasAsync = true;
    this.#spec({ durability });
  }

  reclone(member: string): void {
    const own = this.#record.members[member];
    if (own && this.#record.reign.value.holder !== member)
      this.#write(`member/${member}`, { ...own.value, wish: "reclone" }, own);
  }

  removeMember(member: string): void {
    const { members } = this.#record.spec.value;
    const stay = members.filter((other) => other !== member && inPrimaryRegion(this.#record, other));
    if (members.length > 2 && stay.length > 0 && members.includes(member) && this.#record.reign.value.holder !== member)
      this.#spec({ members: members.filter((other) => other !== member) });
  }

  /** The other region, when it has a member. */
  changeRegion(): void {
    const { spec, members } = this.#record;
    const to = spec.value.primaryRegion === localRegion ? farRegion : localRegion;
    if (spec.value.members.some((member) => members[member]?.value.region === to)) this.#spec({ primaryRegion: to });
  }

  #hasFar(): boolean {
    return Object.values(this.#record.members).some(({ value }) => value.region === farRegion);
  }

  /** Every other one, where there is one already. As the product has it: it names no primary. */
  #upstreamOfNext(): string | undefined {
    const { spec, members, reign } = this.#record;
    const cascades = Object.values(members).some(({ value }) => value.upstream !== undefined);
    const isStandby = spec.value.members.includes(upstreamOfCascaded) && reign.value.holder !== upstreamOfCascaded;
    return cascades && isStandby && this.#world.random.chance(0.5) ? upstreamOfCascaded : undefined;
  }

  addMember(): void {
    const { spec } = this.#record;
    if (spec.value.members.length >= 5) return;
    const lastMember = spec.value.lastMember + 1;
    const id = `shop-${lastMember}`;
    const region = this.#hasFar() ? this.#world.random.pick([localRegion, farRegion]) : localRegion;
    this.#write(`member/${id}`, memberRecord(id, region, this.#upstreamOfNext()), 0);
    this.#spec({ members: [...spec.value.members, id], lastMember });
    this.#world.addHost(id, false);
  }
}
