/** One seed, from birth through faults to health: called by the tests, by workers, and by bench/simulate. */
import { i6Progress, i7PrimaryAfterSwitchover } from "../../src/core/invariants.ts";
import { inPrimaryRegion, votersInFull } from "../../src/core/regions.ts";
import type { ClusterRecord, Durability } from "../../src/domain/cluster.ts";
import { BrokenInvariant } from "./checker.ts";
import { Faults } from "./faults.ts";
import { seeded } from "./random.ts";
import type { Script } from "./scripts.ts";
import { World, type WorldOptions } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly members?: number | undefined;
  readonly durability?: Durability | undefined;
  readonly far?: number | undefined;
  readonly cascaded?: number | undefined;
  readonly wiring?: WorldOptions["wiring"];
  readonly tracing?: boolean;
  /** the only kinds of faults */
  readonly faults?: readonly string[] | undefined;
  /** these instead of faults by chance */
  readonly script?: Script | undefined;
  readonly sleepy?: boolean | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly members: number;
  readonly far: number;
  readonly cascaded: number;
  readonly durability: Durability;
  readonly invariant: string | undefined;
  readonly message: string | undefined;
  readonly steps: number;
  readonly epochs: number;
  readonly acknowledged: number;
  /** how often the cluster fell asleep */
  readonly sleeps: number;
  readonly healedMs: number | undefined;
  readonly lines: readonly string[];
}

const faultsFromMs = 4000;
const faultsUntilMs = 30_000;
/** generous: backoffs of failed starts and of stood-back members are in it */
const recoveryBoundMs = 75_000;
/** less than that: a primary alone needs no copies and no voters that have caught up */
const primaryBoundMs = 40_000;
const calmMs = 2500;

export function runSeed(options: RunOptions): RunResult {
  const shape = shapeOf(options);
  const world = new World({ ...options, ...shape });
  const faults = new Faults(world, options.faults);
  let healedMs: number | undefined;
  let broken: BrokenInvariant | undefined;
  try {
    addClients(world);
    if (shape.sleepy === true) letClientsRest(world);
    world.calmStart = world.random.chance(0.8);
    run(world, world.calmStart ? faultsFromMs : 0);
    if (options.script) options.script(faults);
    else faults.start();
    run(world, faultsUntilMs);
    faults.healAll();
    world.trace("world", "everything heals");
    healedMs = recover(world);
  } catch (error) {
    if (!(error instanceof BrokenInvariant)) throw error;
    broken = error;
    world.trace("world", error.message);
    for (const host of world.hosts.values())
      world.trace(
        host.member,
        `${host.server.streamName} of ${JSON.stringify(world.store.record.members[host.member]?.value)}`,
      );
  }
  return {
    seed: options.seed,
    members: shape.members,
    far: shape.far,
    cascaded: shape.cascaded,
    durability: shape.durability,
    invariant: broken?.invariant,
    message: broken?.message,
    steps: world.scheduler.steps,
    epochs: world.checker.failovers,
    acknowledged: world.clients.acknowledged,
    sleeps: world.sleeps,
    healedMs,
    lines: world.lines,
  };
}

/** The seed also chooses the shape, unless it is given. */
function shapeOf(
  options: RunOptions,
): Pick<RunResult, "members" | "far" | "cascaded" | "durability"> & Pick<WorldOptions, "engine" | "sleepy"> {
  const random = seeded(options.seed ^ 0x5a5a5a);
  const members = options.members ?? random.pick([3, 3, 3, 3, 2, 4, 5, 5, 1]);
  const durability = options.durability ?? random.pick(["quorum", "quorum", "quorum", "strict", "async"]);
  const engine = random.pick(["embedded", "system"] as const);
  const far = options.far ?? (options.members === undefined && random.chance(0.3) ? random.int(1, 2) : 0);
  const sleepy = options.sleepy ?? seeded(options.seed ^ 0x51eeb).chance(0.2);
  const mayCascade = options.members === undefined && members >= 2;
  const cascaded = options.cascaded ?? (mayCascade && seeded(options.seed ^ 0xca5cade).chance(0.15) ? 1 : 0);
  return { members, far, cascaded, durability, engine, sleepy };
}

function addClients(world: World): void {
  for (const host of world.hosts.values()) {
    world.clients.start({ name: `w-${host.member}`, host, direct: undefined, kind: "writer" });
    world.clients.start({ name: `r-${host.member}`, host, direct: undefined, kind: "reader" });
  }
  for (const member of world.members.slice(0, 3)) {
    const host = world.hostOf(member);
    world.clients.start({ name: `d-${member}`, host, direct: member, kind: "writer" });
    world.clients.start({ name: `q-${member}`, host, direct: member, kind: "reader" });
  }
  const noise = (): void => {
    const holder = world.server(world.store.record.reign.value.holder);
    holder?.part.run(() => holder.writeNoise());
    world.scheduler.after(world.random.between(20, 200), noise);
  };
  noise();
}

/** Long enough to fall asleep, or almost; they come back all at once. */
function letClientsRest(world: World): void {
  const { scheduler } = world;
  const random = seeded(world.options.seed ^ 0xd0ce);
  const rest = (): void => {
    if (scheduler.now > faultsUntilMs) return;
    world.isQuiet = true;
    scheduler.after(random.between(1500, 6000), () => {
      world.isQuiet = false;
      scheduler.after(random.between(200, 4000), rest);
    });
  };
  scheduler.after(random.between(1000, 4000), rest);
}

function run(world: World, until: number): void {
  while (world.scheduler.step(until));
}

function recover(world: World): number {
  const healedAt = world.scheduler.now;
  let calmSince: number | undefined;
  let epoch = 0;
  for (;;) {
    run(world, world.scheduler.now + 250);
    const forMs = world.scheduler.now - healedAt;
    const missing = stillMissing(world, world.scheduler.now - 1500);
    const broken = i6Progress(forMs, recoveryBoundMs, missing);
    if (broken !== undefined) world.checker.broken("I6", broken);
    checkSwitchover(world, healedAt);
    const now = world.store.record.reign.value.epoch;
    if (missing.length > 0 || now !== epoch) calmSince = undefined;
    else calmSince ??= forMs;
    epoch = now;
    if (calmSince === undefined || forMs - calmSince < calmMs) continue;
    const primary = world.server(world.store.record.reign.value.holder);
    if (primary) world.checker.finalLog(primary);
    return calmSince;
  }
}

function checkSwitchover(world: World, healedAt: number): void {
  const { checker, scheduler, store } = world;
  if (checker.switchoverAt === undefined) return;
  const { phase, holder } = store.record.reign.value;
  const forMs = scheduler.now - Math.max(checker.switchoverAt, healedAt);
  const broken = i7PrimaryAfterSwitchover(
    forMs,
    primaryBoundMs,
    phase === "open" && world.server(holder)?.serves === true,
  );
  if (broken !== undefined) checker.broken("I7", broken);
}

/** In good times: the standby that its record names, else the primary. */
function upstreamOf({ reign, spec, members }: ClusterRecord, member: string): string {
  const named = members[member]?.value.upstream;
  return named !== undefined && spec.value.members.includes(named) ? named : reign.value.holder;
}

/** What is not yet as it should be in good times. */
function stillMissing(world: World, freshAfter: number): readonly string[] {
  const { reign, rule, spec, intent, sleep, members } = world.store.record;
  const wanted = spec.value.members;
  const missing: string[] = [];
  if (reign.value.phase !== "open") missing.push(`epoch ${reign.value.epoch} is ${reign.value.phase}`);
  for (const host of world.hosts.values())
    if (wanted.includes(host.member) && (world.clients.lastAcknowledged.get(host.id) ?? 0) < freshAfter && !host.added)
      missing.push(`no write acknowledged through ${host.id}`);
  for (const member of wanted) {
    if (member === reign.value.holder) continue;
    const server = world.server(member);
    const upstream = upstreamOf(world.store.record, member);
    if (server?.receiver?.streaming !== true || server.receiver.upstream.member !== upstream)
      missing.push(`${member} does not stream from ${upstream}`);
  }
  const voters = rule.value.rule.voters.length;
  if (!inPrimaryRegion(world.store.record, reign.value.holder)) missing.push("the primary is in the wrong region");
  if (voters !== votersInFull(world.store.record) || rule.value.rule.acks !== Math.ceil(voters / 2))
    missing.push(`the rule is ${rule.value.rule.acks} of ${voters}`);
  if (sleep) missing.push(`it is ${sleep.value.phase}`);
  if (intent) missing.push(`the ${intent.value.kind} asked for is not over`);
  if (Object.keys(members).length !== wanted.length) missing.push("a removed member is still there");
  return missing;
}
