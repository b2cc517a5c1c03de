/**
 * From nothing to the first write that a quorum has: `matriarch create` on a machine that is set up (agent runs, engine
 * and template are there), until a client's write through the endpoint is acknowledged. Beside it, in turn with it, the
 * same by hand: initdb, start, two clones; and the floor: copies of a prepared directory, started all at once.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { ensureEmbeddedEngine } from "../src/drivers/postgres/engine/embedded.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { ensureTemplate } from "../src/drivers/postgres/provision/template.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { RawCluster, type RawPlan } from "./measure/raw-cluster.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "10" } } });
const runs = Number(options.runs);
const major = 18;

/** Milliseconds by step; `total` from the beginning to the acknowledged write. */
type Sample = Readonly<Record<string, number>> & { readonly total: number };

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  try {
    const first = await timeCreate(installation, "first");
    await installation.destroy("first");
    const plan = await rawPlan(installation);
    const samples = { warm: [] as Sample[], agentDown: [] as Sample[], steps: [] as Sample[], floor: [] as Sample[] };
    for (let n = 1; n <= runs; n += 1) {
      samples.warm.push(await timeCreate(installation, `warm-${n}`));
      await installation.destroy(`warm-${n}`);
      samples.steps.push(await timeSteps(plan));
      samples.floor.push(await timeFloor(plan));
      await installation.matriarch("agent", "stop", "--servers");
      samples.agentDown.push(await timeCreate(installation, `cold-${n}`));
      await installation.destroy(`cold-${n}`);
      tell(
        `${n} of ${runs}: create ${ms(samples.warm)}, agent down ${ms(samples.agentDown)}, by hand ${ms(samples.steps)}, floor ${ms(samples.floor)}`,
      );
    }
    report(installation, plan, loadBefore, first, samples);
  } finally {
    await installation.end();
  }
}

/** As a user has it: the command, then a client that connects with what the command printed. */
async function timeCreate(installation: Installation, name: string): Promise<Sample> {
  const begun = performance.now();
  const { uri } = await installation.create(name);
  const created = performance.now();
  const client = new Client({ connectionString: uri });
  await client.connect();
  await client.query("CREATE TABLE first_write AS SELECT 1 AS id");
  const written = performance.now();
  await client.end();
  return { "create": created - begun, "connect and write": written - created, "total": written - begun };
}

async function rawPlan({
  home,
}: Installation): Promise<RawPlan & { readonly template: string; readonly version: string }> {
  const signal = AbortSignal.timeout(60_000);
  const engine = await ensureEmbeddedEngine(home, major, { signal });
  const owner = await chooseServerOwner();
  const template = await ensureTemplate(home, engine, owner, signal);
  return { engine, owner, directory: join(home, "..", "raw"), template: template.directory, version: engine.version };
}

async function timeSteps(plan: RawPlan): Promise<Sample> {
  const cluster = new RawCluster(plan);
  const [one, two, three] = cluster.servers;
  const step = stopwatch();
  try {
    await cluster.makeDirectory();
    await cluster.initdb();
    step("initdb");
    // Names of voters that are not there yet would make the first commit wait for ever.
    await one.configure(undefined, []);
    one.start();
    await (await one.connect()).end();
    step("start");
    await cluster.clone(two);
    await cluster.clone(three);
    step("two clones");
    await cluster.configure();
    one.signal("SIGHUP");
    two.start();
    three.start();
    await cluster.firstWrite();
    step("standbys and first write");
    return step.sample();
  } finally {
    await cluster.remove();
  }
}

async function timeFloor(plan: RawPlan & { readonly template: string }): Promise<Sample> {
  const cluster = new RawCluster(plan);
  const step = stopwatch();
  try {
    await cluster.makeDirectory();
    await cluster.copyTemplate(plan.template);
    step("three copies");
    await cluster.configure();
    cluster.start();
    await cluster.firstWrite();
    step("start and first write");
    return step.sample();
  } finally {
    await cluster.remove();
  }
}

function stopwatch() {
  const begun = performance.now();
  const steps: Record<string, number> = {};
  let last = begun;
  const step = (name: string): void => {
    steps[name] = performance.now() - last;
    last = performance.now();
  };
  return Object.assign(step, { sample: (): Sample => ({ ...steps, total: last - begun }) });
}

function ms(samples: readonly Sample[]): string {
  return `${(samples.at(-1)?.total ?? NaN).toFixed(0)} ms`;
}

function report(
  { home }: Installation,
  { version }: { readonly version: string },
  loadBefore: string,
  first: Sample,
  samples: Readonly<Record<"warm" | "agentDown" | "steps" | "floor", readonly Sample[]>>,
): void {
  const row = (name: string, taken: readonly Sample[], step = "total"): readonly string[] => [
    name,
    ...secondsCells(taken.map((sample) => sample[step] ?? NaN)),
  ];
  const parts = (taken: readonly Sample[]): readonly (readonly string[])[] =>
    Object.keys(taken[0] ?? {})
      .filter((step) => step !== "total")
      .map((step) => row(`- ${step}`, taken, step));
  const { warm, agentDown, steps, floor } = samples;
  writeReport({
    name: "provision",
    about:
      "From nothing to the first write that a quorum has, three members: `matriarch create` as a process of its own, " +
      "then a client that connects with the URI that it printed (TLS with the CA checked, SCRAM) and writes. Each round " +
      "runs all four, one after the other.",
    directory: home,
    postgres: version,
    loadBefore,
    parts: [
      table([
        ["", "median", "min", "max", "n"],
        row("**`matriarch create` on a set-up machine**", warm),
        ...parts(warm),
        row("the same with the agent down: the command starts it", agentDown),
        row("by hand: initdb, start, two clones, start", steps),
        ...parts(steps),
        row("floor: three copies of a prepared directory, started at once", floor),
        ...parts(floor),
      ]),
      `The first create in this new home, which also started the agent, fetched the binaries with npm and prepared the template: ${(first.total / 1000).toFixed(1)} s.`,
    ],
    samples: { first, ...samples },
  });
}
