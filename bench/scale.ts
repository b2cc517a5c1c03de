/**
 * What many clusters over three hosts cost, and whether one of them still fails over as quickly: processor time and
 * memory of agent, guard, relay, router and etcd of a host, writes to the store, and the gap in the writes of one
 * cluster when its primary is killed and when the host of its primary is lost, with 1, 10 and 50 clusters.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { LabCluster } from "../tests/hosts/lab/cluster.ts";
import type { Host, Role } from "../tests/hosts/lab/host.ts";
import { Lab } from "../tests/hosts/lab/lab.ts";
import { whyNoLab } from "../tests/hosts/lab/able.ts";
import { endAtExit } from "../tests/hosts/lab/spaces.ts";
import { load } from "./measure/machine.ts";
import { cpuSeconds, memory } from "./measure/process.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";
import { breakOnce, type Sample } from "./peers/faults.ts";
import { ofLab } from "./peers/matriarch.ts";
import { Recorder } from "../tests/hosts/lab/recorder.ts";

const { values: options } = parseArgs({
  options: {
    clusters: { type: "string", default: "1,10,50" },
    seconds: { type: "string", default: "60" },
    settle: { type: "string", default: "20" },
    runs: { type: "string", default: "5" },
    name: { type: "string", default: "scale" },
  },
});
const seconds = Number(options.seconds);
const roles: readonly Role[] = ["agent", "guard", "relay", "router", "etcd"];
/** So that fifty clusters of three fit into the memory of one machine. */
const small = ["--set", "shared_buffers=16MB", "--set", "max_connections=30"];

interface RoleCost {
  readonly role: Role;
  /** of one core, each host's */
  readonly cpuPercent: readonly number[];
  readonly pssMib: readonly number[];
}

interface ScaleSample {
  readonly clusters: number;
  readonly roles: readonly RoleCost[];
  readonly storeWritesPerSecond: number;
  readonly failovers: readonly Sample[];
}

await main();

async function main(): Promise<void> {
  const problem = whyNoLab();
  if (problem) throw new Error(problem);
  endAtExit();
  const loadBefore = load();
  await using lab = await Lab.make();
  const samples: ScaleSample[] = [];
  const clusters: LabCluster[] = [];
  for (const wanted of options.clusters.split(",").map(Number)) {
    while (clusters.length < wanted) {
      clusters.push(await LabCluster.create(lab, `many-${clusters.length + 1}`, ...small));
      tell(`${clusters.length} of ${wanted} clusters`);
    }
    samples.push(await sampleScale(lab, clusters));
  }
  const version = (await clusters[0]?.status())?.version ?? "";
  report(lab, version, loadBefore, samples);
}

async function sampleScale(lab: Lab, clusters: readonly LabCluster[]): Promise<ScaleSample> {
  await sleep(Number(options.settle) * 1000);
  const before = costs(lab.hosts);
  const revision = await storeRevision(lab);
  const begun = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - begun) / 1000;
  const after = costs(lab.hosts);
  const storeWritesPerSecond = ((await storeRevision(lab)) - revision) / elapsed;
  const cost = roles.map((role) => ({
    role,
    cpuPercent: lab.hosts.map(
      ({ name }) => (((after.get(`${name} ${role}`) ?? NaN) - (before.get(`${name} ${role}`) ?? NaN)) / elapsed) * 100,
    ),
    pssMib: lab.hosts.map((host) => memory(host.process(role)).pssMib),
  }));
  const failovers = await breakSome(lab, clusters);
  return { clusters: clusters.length, roles: cost, storeWritesPerSecond, failovers };
}

function costs(hosts: readonly Host[]): ReadonlyMap<string, number> {
  return new Map(
    hosts.flatMap((host) => roles.map((role) => [`${host.name} ${role}`, cpuSeconds(host.process(role))])),
  );
}

/** Rises by one with each change. */
async function storeRevision({ hosts }: Lab): Promise<number> {
  const [host] = hosts;
  if (!host) throw new Error("there is no host");
  const answer = JSON.stringify(await host.storeStatus());
  return Number(/"revision":(\d+)/.exec(answer)?.[1]);
}

async function breakSome(lab: Lab, [first]: readonly LabCluster[]): Promise<readonly Sample[]> {
  if (!first) throw new Error("there is no cluster");
  const system = ofLab("matriarch", lab, first);
  const taken: Sample[] = [];
  for (let run = 1; run <= Number(options.runs); run += 1) {
    for (const fault of ["kill", "lost"] as const) {
      const client = new Recorder(lab.client);
      const rows = `${fault}_${run}_${Date.now()}`;
      taken.push(await breakOnce(system, client, fault, rows).finally(() => client.end()));
      tell(`${fault}: ${taken.at(-1)?.gapMs.toFixed(0)} ms`);
    }
  }
  return taken;
}

function report(lab: Lab, postgres: string, loadBefore: string, samples: readonly ScaleSample[]): void {
  const perRole = samples.flatMap(({ clusters, roles: costsOf }) =>
    costsOf.map(({ role, cpuPercent, pssMib }) => [
      String(clusters),
      role,
      `${summarize(cpuPercent).median.toFixed(2)} %`,
      `${summarize(cpuPercent).max.toFixed(2)} %`,
      `${summarize(pssMib).median.toFixed(0)} MiB`,
    ]),
  );
  const gaps = samples.flatMap(({ clusters, failovers }) =>
    (["kill", "lost"] as const).map((fault) => [
      String(clusters),
      fault === "kill" ? "its primary's postmaster killed" : "the host of its primary lost",
      ...secondsCells(failovers.filter((sample) => sample.fault === fault).map(({ gapMs }) => gapMs)),
      String(failovers.reduce((sum, { lost }) => sum + lost, 0)),
    ]),
  );
  writeReport({
    name: options.name,
    about: `Clusters of three members over three hosts (network namespaces of one machine), at rest for ${seconds} s; then writes to one of them while its primary is lost.`,
    directory: lab.hosts[0]?.directory ?? ".",
    postgres,
    loadBefore,
    parts: [
      table([
        ["clusters", "process (one on each host)", "CPU of one core, median host", "most", "memory (PSS)"],
        ...perRole,
      ]),
      table([
        ["clusters", "store writes per second"],
        ...samples.map(({ clusters, storeWritesPerSecond }) => [String(clusters), storeWritesPerSecond.toFixed(2)]),
      ]),
      table([
        ["clusters", "one of them: gap between acknowledged writes", "median", "min", "max", "n", "lost writes"],
        ...gaps,
      ]),
    ],
    samples,
  });
}
