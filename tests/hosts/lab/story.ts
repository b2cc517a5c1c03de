/**
 * A story: a fault, or several, under load, on a cluster over several hosts. Clients write through every host's primary
 * endpoint, through all of them in turn, and past them to every member; readers read everywhere. Afterwards the cluster
 * heals by itself, every acknowledged write is there, never did two servers acknowledge at once, no read was too old,
 * and writes were back within the bound. What came of it is kept for the table (results.ts).
 */
import type { ClientConfig } from "pg";
import type { ClusterEvent } from "../../../src/contract/cluster.ts";
import { assertKept, checkHistory, type History } from "../../checker/history.ts";
import { findStaleReads } from "../../checker/reads.ts";
import { until } from "../../faults/until.ts";
import type { LabCluster } from "./cluster.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import { Recorder } from "./recorder.ts";
import { keepResult } from "./results.ts";
import type { Story } from "./stories.ts";

/** Times are claims of `bench/faults`, which fails beyond this many times the promise; a test holds only what was kept. */
const tolerance = Number(process.env["MATRIARCH_TOLERANCE"] ?? Infinity);
/** Through the primary endpoint: from a frozen host that is thawed, in the moment before its guard ends the server. */
const staleMsMax = 3000;
const patienceMs = 1000;

/** What a story works with. */
export class Scene {
  readonly lab: Lab;
  readonly cluster: LabCluster;
  /** where reads may be old while something of the host is frozen, when the story allows it */
  frozen: Host | undefined;
  readonly #recorder: Recorder;
  /** wall clock */
  readonly since: number;

  constructor(lab: Lab, cluster: LabCluster, recorder: Recorder, since: number) {
    this.lab = lab;
    this.cluster = cluster;
    this.#recorder = recorder;
    this.since = since;
  }

  primary(): Promise<Host> {
    return this.cluster.primary();
  }

  standbys(): Promise<readonly Host[]> {
    return this.cluster.standbys();
  }

  others(...without: readonly Host[]): readonly Host[] {
    return this.lab.others(...without);
  }

  /** Somebody's writes are acknowledged, so many more of them. */
  async writesAgain(count = 60, withinMs = 30_000): Promise<void> {
    await this.#recorder.acknowledged(count, withinMs);
  }

  /** Writes through this host's own endpoint. */
  async writesVia(host: Host, count = 10, withinMs = 30_000): Promise<void> {
    await this.#recorder.acknowledged(count, withinMs, `via-${host.name}`);
  }

  /** Nothing was acknowledged for so long: writes stand still. */
  async writesStop(forMs = 2000): Promise<void> {
    await until("writes to stop", async () => {
      const last = await this.#recorder.last();
      const now = Number(process.hrtime.bigint()) / 1e6;
      return last !== undefined && now - last > forMs ? true : undefined;
    });
  }

  /** Cuts both ways between these and those. */
  async cut(some: readonly Host[], others: readonly Host[], ports?: readonly number[]): Promise<void> {
    const [from, to] = [some.map(({ name }) => name), others.map(({ name }) => name)];
    const limited = ports === undefined ? {} : { ports };
    await this.lab.network.cut({ from, to, ...limited }, { from: to, to: from, ...limited });
  }

  mend(): Promise<void> {
    return this.lab.network.mend();
  }

  /** @param since wall clock; the story's beginning when not given */
  async event(type: string, withinMs = 30_000, since = this.since): Promise<ClusterEvent> {
    let seen: readonly ClusterEvent[] = [];
    return until(
      `event ${type}`,
      async () => {
        seen = await this.events();
        return seen.find((event) => event.type === type && Date.parse(event.at) >= since);
      },
      { withinMs, seen: () => seen.map((event) => event.type).join(", ") },
    );
  }

  /** Since the story began. */
  async events(): Promise<readonly ClusterEvent[]> {
    return (await this.cluster.events()).filter(({ at }) => Date.parse(at) >= this.since);
  }

  async switchover(...flags: readonly string[]): Promise<number | null> {
    const host = this.lab.hosts.find((candidate) => candidate.has("agent"));
    return (await host?.matriarch(["switchover", this.cluster.name, "--yes", ...flags]))?.code ?? null;
  }
}

let told = 0;

export async function runStory(lab: Lab, cluster: LabCluster, story: Story): Promise<void> {
  await cluster.healthy();
  const table = `story_${(told += 1)}`;
  const since = Date.now();
  const recorder = new Recorder(lab.client);
  const kept = { story: story.name, gapMs: NaN, staleMs: 0, acknowledged: 0, unknown: 0, events: [], problem: "" };
  try {
    const outcome = await tell(story, new Scene(lab, cluster, recorder, since), recorder, table);
    keepResult({ ...kept, ...outcome });
    outcome.judge();
  } catch (error) {
    keepResult({ ...kept, problem: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    recorder.end();
  }
}

async function tell(story: Story, scene: Scene, recorder: Recorder, table: string) {
  const { cluster } = scene;
  await begin(scene, recorder, table);
  try {
    await story.run(scene);
    await scene.mend();
    await cluster.healthy(story.healsWithinMs ?? 90_000);
    for (const host of scene.lab.hosts) await scene.writesVia(host);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nevents: ${await eventLines(scene)}`, {
      cause: error,
    });
  }
  const watched = await recorder.unwatch();
  const histories = await recorder.stop();
  const all = Object.values(histories).flat();
  const through = Object.entries(histories).flatMap(([name, history]) => (name.startsWith("past-") ? [] : history));
  const primary = await cluster.primary();
  const verdict = checkHistory(all, await recorder.rows(cluster.target(primary), table));
  const excused = story.mayReadOldThere ? `primary on ${scene.frozen?.name}` : "";
  const stale = findStaleReads(
    watched.beats,
    watched.reads.filter(({ via }) => via.startsWith("primary") && via !== excused),
  );
  const gapMs = gapOf(through);
  const staleMs = stale[0]?.lateMs ?? 0;
  return {
    gapMs,
    staleMs,
    acknowledged: verdict.acknowledged,
    unknown: verdict.unknown,
    events: [...new Set((await scene.events()).map(({ type }) => type))],
    judge: () => {
      assertKept(story.mayLose ? { ...verdict, lost: [] } : verdict);
      // What was lost was read before.
      if (staleMs > staleMsMax && !story.mayLose)
        throw new Error(`a read through ${stale[0]?.read.via} was ${staleMs.toFixed(0)} ms too old`);
      if (story.gapMsMax !== undefined && gapMs > story.gapMsMax * tolerance)
        throw new Error(`writes stopped for ${gapMs.toFixed(0)} ms; promised: ${story.gapMsMax} ms`);
    },
  };
}

async function begin(scene: Scene, recorder: Recorder, table: string): Promise<void> {
  const { lab, cluster } = scene;
  const status = await cluster.healthy();
  const primary = await cluster.primary();
  const all = lab.hosts.map((host) => cluster.target(host));
  await recorder.prepare(cluster.target(primary), table);
  const writers: Record<string, readonly ClientConfig[]> = { any: all };
  for (const host of lab.hosts) writers[`via-${host.name}`] = [cluster.target(host)];
  for (const member of status.members) writers[`past-${member.id}`] = [cluster.direct(member)];
  const readers = Object.fromEntries(
    lab.hosts.flatMap((host) =>
      (["primary", "read"] as const).map((kind) => [`${kind} on ${host.name}`, cluster.target(host, kind)]),
    ),
  );
  await recorder.watch({ table: `${table}_count`, counter: all, readers, patienceMs });
  await recorder.start({ writers, table, patienceMs, pauseMs: 5 });
  await recorder.acknowledged(30, 20_000);
  for (const host of lab.hosts) await scene.writesVia(host, 3);
}

function gapOf(history: History): number {
  return checkHistory(history, []).gap?.ms ?? NaN;
}

async function eventLines(scene: Scene): Promise<string> {
  return (await scene.events()).map(({ host, type, message }) => `\n  ${host ?? ""} ${type}: ${message}`).join("");
}
