/**
 * How long the client waits that wakes a sleeping cluster: from the moment when it begins to connect (TLS with the CA
 * checked, SCRAM) to the answer of its first query, and to its first write that a quorum has. Beside it, in turn with
 * it: the same client on the cluster that is awake; and the floors, `pg_ctl start` of one server that was stopped in
 * order, and three such servers started all at once until a write of theirs has a quorum.
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { ensureEmbeddedEngine } from "../src/drivers/postgres/engine/embedded.ts";
import { runTool } from "../src/drivers/postgres/engine/environment.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { RawCluster } from "./measure/raw-cluster.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "15" } } });
const runs = Number(options.runs);
const major = 18;
const asleepMs = 60_000;
/** What an end of servers leaves to be done is over by then. */
const quietMs = 1000;

interface Sample {
  readonly answered: number;
  readonly written: number;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  try {
    const clusters = {
      three: await installation.create("three", "--autostop", "1s"),
      one: await installation.create("one", "--members", "1", "--autostop", "1s"),
    };
    const raw = await makeRaw(installation);
    const samples = {
      three: [] as Sample[],
      one: [] as Sample[],
      awake: [] as Sample[],
      pgCtl: [] as number[],
      raw: [] as number[],
    };
    for (let n = 1; n <= runs; n += 1) {
      await asleep(installation, "three", "one");
      samples.three.push(await timeClient(clusters.three.uri));
      samples.awake.push(await timeClient(clusters.three.uri));
      await asleep(installation, "three", "one");
      samples.one.push(await timeClient(clusters.one.uri));
      await asleep(installation, "three", "one");
      samples.pgCtl.push(await timePgCtl(raw));
      samples.raw.push(await timeRaw(raw));
      tell(
        `${n} of ${runs}: three members ${last(samples.three)} ms, one ${last(samples.one)} ms, pg_ctl ${samples.pgCtl.at(-1)?.toFixed(0)} ms, three bare servers ${samples.raw.at(-1)?.toFixed(0)} ms`,
      );
    }
    await raw.remove();
    report(installation, raw, loadBefore, samples);
  } finally {
    await installation.end();
  }
}

/** All at rest, so that nothing else is measured. */
async function asleep(installation: Installation, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const end = performance.now() + asleepMs;
    for (;;) {
      const { state, members } = await installation.status(name);
      if (state === "asleep" && members.every(({ pid }) => pid === null)) break;
      if (performance.now() > end) throw new Error(`${name} does not fall asleep`);
      await sleep(200);
    }
  }
  await sleep(quietMs);
}

async function timeClient(uri: string): Promise<Sample> {
  const begun = performance.now();
  const client = new Client({ connectionString: uri });
  await client.connect();
  await client.query("SELECT 1");
  const answered = performance.now() - begun;
  await client.query(`CREATE TABLE "${randomUUID()}" AS SELECT 1 AS id`);
  const written = performance.now() - begun;
  await client.end();
  return { answered, written };
}

/** Three servers that follow each other, stopped in order. */
async function makeRaw({ home }: Installation): Promise<RawCluster> {
  const engine = await ensureEmbeddedEngine(home, major, { signal: AbortSignal.timeout(60_000) });
  const raw = new RawCluster({ engine, owner: await chooseServerOwner(), directory: join(home, "..", "raw") });
  const [one, two, three] = raw.servers;
  await raw.makeDirectory();
  await raw.initdb();
  await one.configure(undefined, []);
  one.start();
  await (await one.connect()).end();
  await raw.clone(two);
  await raw.clone(three);
  await raw.configure();
  one.signal("SIGHUP");
  two.start();
  three.start();
  await raw.streaming();
  await stopInOrder(raw);
  return raw;
}

/** The primary first, so that the others end with the same log. */
async function stopInOrder({ servers }: RawCluster): Promise<void> {
  for (const server of servers) {
    server.signal("SIGINT");
    await server.ended();
  }
}

/** As one would by hand, until it says that the server is up. It looks ten times a second. */
async function timePgCtl({ plan, servers: [one] }: RawCluster): Promise<number> {
  const { engine, owner, directory } = plan;
  const pgCtl = async (...args: readonly string[]): Promise<void> => {
    const timeoutMs = 60_000;
    await runTool(engine, "pg_ctl", ["-D", one.data, "-w", ...args], {
      owner,
      signal: AbortSignal.timeout(timeoutMs),
      timeoutMs,
    });
  };
  const begun = performance.now();
  await pgCtl("-l", join(directory, "pg_ctl.log"), "start");
  const tookMs = performance.now() - begun;
  await pgCtl("-m", "fast", "stop");
  return tookMs;
}

/** The quickest there is: nobody asks who may be primary, and nobody has to be reached through an endpoint. */
async function timeRaw(raw: RawCluster): Promise<number> {
  const begun = performance.now();
  raw.start();
  await raw.quorumWrite(`w${randomUUID().replaceAll("-", "")}`);
  const tookMs = performance.now() - begun;
  await raw.streaming();
  await stopInOrder(raw);
  return tookMs;
}

function last(samples: readonly Sample[]): string {
  return (samples.at(-1)?.answered ?? NaN).toFixed(0);
}

function report(
  { home }: Installation,
  { plan }: RawCluster,
  loadBefore: string,
  samples: Readonly<Record<"three" | "one" | "awake", readonly Sample[]>> & {
    readonly pgCtl: readonly number[];
    readonly raw: readonly number[];
  },
): void {
  const { three, one, awake, pgCtl, raw } = samples;
  const row = (name: string, values: readonly number[]): readonly string[] => [name, ...secondsCells(values)];
  const answered = (taken: readonly Sample[]): readonly number[] => taken.map((sample) => sample.answered);
  const written = (taken: readonly Sample[]): readonly number[] => taken.map((sample) => sample.written);
  writeReport({
    name: "wake",
    about:
      "A client connects to a cluster that is asleep (no server runs), through the `primary` endpoint, and asks. Each " +
      "round runs all rows, one after the other, each after a second in which nothing happens.",
    directory: home,
    postgres: plan.engine.version,
    loadBefore,
    parts: [
      table([
        ["", "median", "min", "max", "n"],
        row("**three members: connect to the first answer**", answered(three)),
        row("- to the first write that a quorum has", written(three)),
        row("one member: connect to the first answer", answered(one)),
        row("the same client on the three members, awake", answered(awake)),
        row("floor: `pg_ctl start` of one server", pgCtl),
        row("floor: three bare servers at once, to a write that a quorum has", raw),
      ]),
      `Waking three members costs ${Math.round(summarize(answered(three)).median - summarize(answered(awake)).median)} ms more than connecting to them awake.`,
    ],
    samples,
  });
}
