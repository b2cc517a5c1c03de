/**
 * What an installation costs while nobody uses it: processor time and memory of the agent and the router, writes to the
 * store, processor time of the servers (which answer the agent's looks), for one cluster and for more of them, so that
 * the part of each member shows. And how quickly the commands answer that people type most.
 */
import { execFile } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { cpuSeconds, family, memory, type MemorySample } from "./measure/process.ts";
import { secondsCells, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    settle: { type: "string", default: "20" },
    clusters: { type: "string", default: "3" },
    runs: { type: "string", default: "20" },
  },
});
const seconds = Number(options.seconds);
const membersEach = 3;
const launcher = join(import.meta.dirname, "../matriarch");

interface ProcessSample extends MemorySample {
  /** of one core */
  readonly cpuPercent: number;
}

interface IdleSample {
  readonly clusters: number;
  readonly agent: ProcessSample;
  readonly router: ProcessSample;
  /** of all servers together, of one core */
  readonly serversCpuPercent: number;
  /** to the files of the store and of the event log, of any size */
  readonly storeWritesPerSecond: number;
}

const asked = ["--help", "version", "list", "status idle-1", "status idle-1 --json"] as const;

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  try {
    const samples: IdleSample[] = [];
    let version = "";
    for (let n = 1; n <= Number(options.clusters); n += 1) {
      version = (await installation.create(`idle-${n}`)).version;
      if (n !== 1 && n !== Number(options.clusters)) continue;
      await sleep(Number(options.settle) * 1000);
      samples.push(await sampleIdle(installation, n));
    }
    const commands = await timeCommands(installation);
    report(installation, version, loadBefore, samples, commands);
  } finally {
    await installation.end();
  }
}

async function sampleIdle(installation: Installation, clusters: number): Promise<IdleSample> {
  const { pid, router_pid: routerPid } = await installation.agent();
  const postmasters: number[] = [];
  for (let n = 1; n <= clusters; n += 1)
    for (const member of (await installation.status(`idle-${n}`)).members) postmasters.push(member.pid ?? 0);
  tell(`${clusters * membersEach} members at rest, for ${seconds} s`);
  await sleep(2000);
  const servers = (): number => postmasters.flatMap(family).reduce((sum, each) => sum + cpuSeconds(each), 0);
  const writes = countWrites(installation.home);
  const before = { agent: cpuSeconds(pid), router: cpuSeconds(routerPid), servers: servers() };
  const begun = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - begun) / 1000;
  const percent = (after: number, before: number): number => ((after - before) / elapsed) * 100;
  const sample = {
    clusters,
    agent: { cpuPercent: percent(cpuSeconds(pid), before.agent), ...memory(pid) },
    router: { cpuPercent: percent(cpuSeconds(routerPid), before.router), ...memory(routerPid) },
    serversCpuPercent: percent(servers(), before.servers),
    storeWritesPerSecond: writes.end() / elapsed,
  };
  tell(`agent ${describe(sample.agent)}, router ${describe(sample.router)}`);
  return sample;
}

function describe({ cpuPercent, rssMib, pssMib }: ProcessSample): string {
  return `${cpuPercent.toFixed(2)} %, ${rssMib.toFixed(0)} MiB (${pssMib.toFixed(0)} MiB of its own share)`;
}

/** The store is locked by its agent; what is written to its files shows all the same. */
function countWrites(home: string): { end(): number } {
  let count = 0;
  const watcher = watch(home, (_event, file) => {
    if (file?.startsWith("store.sqlite") || file?.startsWith("events.sqlite")) count += 1;
  });
  return {
    end: () => {
      watcher.close();
      return count;
    },
  };
}

/** From the start of the process to its end, with the launcher. */
async function timeCommands({ home }: Installation): Promise<ReadonlyMap<string, readonly number[]>> {
  const env = { ...process.env, MATRIARCH_HOME: home };
  const taken = new Map<string, number[]>(asked.map((command) => [command, []]));
  for (let n = 0; n < Number(options.runs); n += 1) {
    for (const command of asked) {
      const begun = performance.now();
      await promisify(execFile)(launcher, command.split(" "), { env });
      taken.get(command)?.push(performance.now() - begun);
    }
  }
  return taken;
}

function report(
  { home }: Installation,
  version: string,
  loadBefore: string,
  samples: readonly IdleSample[],
  commands: ReadonlyMap<string, readonly number[]>,
): void {
  const percent = (value: number): string => `${value.toFixed(2)} %`;
  const mib = (value: number): string => `${value.toFixed(0)} MiB`;
  const row = ({ clusters, agent, router, serversCpuPercent, storeWritesPerSecond }: IdleSample): readonly string[] => [
    `${clusters * membersEach} in ${clusters}`,
    percent(agent.cpuPercent),
    percent(router.cpuPercent),
    `**${percent(agent.cpuPercent + router.cpuPercent)}**`,
    `${mib(agent.rssMib)} + ${mib(router.rssMib)} = **${mib(agent.rssMib + router.rssMib)}**`,
    `${mib(agent.pssMib)} + ${mib(router.pssMib)}`,
    storeWritesPerSecond.toFixed(2),
    percent(serversCpuPercent),
  ];
  writeReport({
    name: "idle",
    about:
      `Nobody connected, nothing asked for, over ${seconds} s. Processor time is of one core. RSS counts pages that ` +
      "processes share (Node's program, about 45 MiB) in each of them; the share (PSS) divides them.",
    directory: home,
    postgres: version,
    loadBefore,
    parts: [
      table([
        [
          "members",
          "agent",
          "router",
          "both",
          "RSS of agent + router",
          "their share (PSS)",
          "store writes per second",
          "all servers",
        ],
        ...samples.map(row),
      ]),
      perMember(samples),
      table([
        ["command, from start to end", "median", "min", "max", "n"],
        ...[...commands].map(([command, taken]) => [`\`matriarch ${command}\``, ...secondsCells(taken)]),
      ]),
    ],
    samples: { idle: samples, commands: [...commands] },
  });
}

/** From the difference between the first and the last sample. */
function perMember(samples: readonly IdleSample[]): string {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || first === last) return "";
  const members = (last.clusters - first.clusters) * membersEach;
  const cpu =
    (last.agent.cpuPercent - first.agent.cpuPercent + last.router.cpuPercent - first.router.cpuPercent) / members;
  const rss = (last.agent.rssMib - first.agent.rssMib + last.router.rssMib - first.router.rssMib) / members;
  const servers = last.serversCpuPercent / (last.clusters * membersEach);
  return `Each further member: ${cpu.toFixed(2)} % of a core and ${rss.toFixed(1)} MiB in agent and router; its server spends ${servers.toFixed(2)} % at rest, looks included.`;
}
