/**
 * `bench/failover --peers`: Matriarch over three hosts beside Patroni over three hosts, with its default and with its
 * tightest timings: the same namespaces, the same client, the same faults, in turn within the same run. Every sample is
 * kept as it comes, so that a run that is interrupted loses nothing; the table and the plot are of all that is kept.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Network } from "../tests/hosts/lab/network.ts";
import { Recorder } from "../tests/hosts/lab/recorder.ts";
import { enter, sweepSpaces } from "../tests/hosts/lab/spaces.ts";
import { whyNoLab } from "../tests/hosts/lab/able.ts";
import { load } from "./measure/machine.ts";
import { tell } from "./measure/report.ts";
import { breakOnce, faultNames, faultTitles, type FaultName, type Sample } from "./peers/faults.ts";
import { defaultTimings, missingForPatroni, Patroni, tightTimings } from "./peers/patroni.ts";
import { readSamples, reportPeers, startSamples, keepSample } from "./peers/report.ts";
import type { PeerSystem } from "./peers/system.ts";

const systemNames = ["matriarch", "matriarch-tight", "patroni", "patroni-tight"] as const;
type SystemName = (typeof systemNames)[number];

const { values: options } = parseArgs({
  options: {
    peers: { type: "boolean" },
    runs: { type: "string", default: "5" },
    only: { type: "string", default: faultNames.join(",") },
    systems: { type: "string", default: "matriarch,patroni,patroni-tight" },
    name: { type: "string", default: "peers" },
    /** adds to what an earlier run has kept */
    append: { type: "boolean", default: false },
    /** no measuring: table and plot of what is kept */
    report: { type: "boolean", default: false },
  },
});
const hosts = ["a", "b", "c"];

await main();

async function main(): Promise<void> {
  if (!options.report) await measure();
  reportPeers(options.name, readSamples(options.name), faultTitles);
}

async function measure(): Promise<void> {
  const problem = whyNoLab() || (missingForPatroni().length > 0 && `not installed: ${missingForPatroni().join(", ")}`);
  if (problem) throw new Error(problem);
  const wanted = faultNames.filter((name) => options.only.split(",").includes(name));
  const names = systemNames.filter((name) => options.systems.split(",").includes(name));
  await sweepSpaces();
  if (!options.append) startSamples(options.name, load());
  for (let run = 1; run <= Number(options.runs); run += 1)
    for (const name of names) await measureSystem(name, wanted, run);
}

/** A fresh system for each round, so that what a fault left behind does not spoil the next round. */
async function measureSystem(name: SystemName, wanted: readonly FaultName[], run: number): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "peers-"));
  await chmod(directory, 0o711);
  const network = await Network.make([...hosts, "client"]);
  const stop = (): void => void network.remove().finally(() => process.exit(130));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let system: PeerSystem | undefined;
  try {
    system = await startSystem(name, network, directory);
    for (const fault of wanted) {
      const client = new Recorder(enter(network.space("client")));
      const sample = await breakOnce(system, client, fault, `${fault}_${run}`).finally(() => client.end());
      keepSample(options.name, sample);
      tellSample(run, sample);
    }
  } catch (error) {
    tell(`${run}: ${name}: ${error instanceof Error ? error.message : String(error)}`);
    await network.mend();
  } finally {
    await system?.end();
    await network.remove();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await rm(directory, { recursive: true, force: true });
  }
}

async function startSystem(name: SystemName, network: Network, directory: string): Promise<PeerSystem> {
  const place = { network, hosts, directory };
  switch (name) {
    case "patroni":
      return Patroni.start(name, place, defaultTimings);
    case "patroni-tight":
      return Patroni.start(name, place, tightTimings);
    case "matriarch":
    case "matriarch-tight":
      throw new Error("not yet");
  }
}

function tellSample(run: number, { system, fault, gapMs, lost, splits, unknown, healMs }: Sample): void {
  const harm = lost + splits > 0 ? `, ${lost} LOST, ${splits} splits` : "";
  tell(
    `${run}: ${system} ${fault}: ${(gapMs / 1000).toFixed(2)} s, ${unknown} in doubt, healed after ${(healMs / 1000).toFixed(1)} s${harm}`,
  );
}
