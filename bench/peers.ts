/**
 * `bench/failover --peers`: Matriarch over three hosts beside Patroni over three hosts, with its default and with its
 * tightest timings: the same namespaces, the same client, the same faults, in turn within the same run. Every sample is
 * kept as it comes, so that a run that is interrupted loses nothing; the table and the plot are of all that is kept.
 */
import { parseArgs } from "node:util";
import { Recorder } from "../tests/hosts/lab/recorder.ts";
import { endAtExit, sweepSpaces } from "../tests/hosts/lab/spaces.ts";
import { whyNoLab } from "../tests/hosts/lab/able.ts";
import { load } from "./measure/machine.ts";
import { tell } from "./measure/report.ts";
import { breakOnce, faultNames, faultTitles, type FaultName, type Sample } from "./peers/faults.ts";
import { Matriarch } from "./peers/matriarch.ts";
import { defaultTimings, missingForPatroni, Patroni, tightTimings } from "./peers/patroni.ts";
import { readSamples, reportPeers, startSamples, keepSample } from "./peers/report.ts";
import type { PeerSystem } from "./peers/system.ts";

const systemNames = ["matriarch", "matriarch-tight", "patroni", "patroni-tight"] as const;
type SystemName = (typeof systemNames)[number];

const { values: options } = parseArgs({
  options: {
    "peers": { type: "boolean" },
    "runs": { type: "string", default: "20" },
    "only": { type: "string", default: faultNames.join(",") },
    /** a run of the peers takes minutes: they take part in so many of the runs, spread evenly over them */
    "peer-runs": { type: "string", default: "5" },
    "peer-only": { type: "string", default: faultNames.join(",") },
    "systems": { type: "string", default: systemNames.join(",") },
    "name": { type: "string", default: "peers" },
    /** adds to what an earlier run has kept */
    "append": { type: "boolean", default: false },
    /** no measuring: table and plot of what is kept */
    "report": { type: "boolean", default: false },
  },
});
/** D as short as it can be set. */
const tightPromiseMs = 1000;

await main();

async function main(): Promise<void> {
  if (!options.report) await measure();
  reportPeers(options.name, readSamples(options.name), faultTitles);
}

async function measure(): Promise<void> {
  const problem = whyNoLab() || (missingForPatroni().length > 0 && `not installed: ${missingForPatroni().join(", ")}`);
  if (problem) throw new Error(problem);
  const names = systemNames.filter((name) => options.systems.split(",").includes(name));
  await sweepSpaces();
  endAtExit();
  if (!options.append) startSamples(options.name, load());
  for (let run = 1; run <= Number(options.runs); run += 1)
    for (const name of names) if (isDue(name, run)) await measureSystem(name, faultsFor(name), run);
}

function isPeer(name: SystemName): boolean {
  return name.startsWith("patroni");
}

function faultsFor(name: SystemName): readonly FaultName[] {
  const wanted = options[isPeer(name) ? "peer-only" : "only"].split(",");
  return faultNames.filter((fault) => wanted.includes(fault));
}

function isDue(name: SystemName, run: number): boolean {
  const [runs, peerRuns] = [Number(options.runs), Number(options["peer-runs"])];
  const countUpTo = (n: number): number => Math.ceil((n * peerRuns) / runs);
  return !isPeer(name) || countUpTo(run) > countUpTo(run - 1);
}

/** A fresh system for each round, so that what a fault left behind does not spoil the next round. */
async function measureSystem(name: SystemName, wanted: readonly FaultName[], run: number): Promise<void> {
  let system: PeerSystem | undefined;
  try {
    system = await startSystem(name);
    for (const fault of wanted) {
      const client = new Recorder(system.client);
      const sample = await breakOnce(system, client, fault, `${fault}_${run}`).finally(() => client.end());
      keepSample(options.name, sample);
      tellSample(run, sample);
    }
  } catch (error) {
    tell(`${run}: ${name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await system?.end();
  }
}

function startSystem(name: SystemName): Promise<PeerSystem> {
  switch (name) {
    case "patroni":
      return Patroni.start(name, defaultTimings);
    case "patroni-tight":
      return Patroni.start(name, tightTimings);
    case "matriarch":
      return Matriarch.start(name, undefined);
    case "matriarch-tight":
      return Matriarch.start(name, tightPromiseMs);
  }
}

function tellSample(run: number, { system, fault, gapMs, lost, splits, unknown, healMs }: Sample): void {
  const harm = lost + splits > 0 ? `, ${lost} LOST, ${splits} splits` : "";
  tell(
    `${run}: ${system} ${fault}: ${(gapMs / 1000).toFixed(2)} s, ${unknown} in doubt, healed after ${(healMs / 1000).toFixed(1)} s${harm}`,
  );
}
