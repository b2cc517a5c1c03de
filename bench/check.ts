/**
 * How long `check` takes, as a command and over HTTP at a member's status port: with three members that are well, and
 * with one that is frozen, which answers nobody. A check that says otherwise than it should ends the bench.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { freezeServer } from "./measure/freeze.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "20" } } });
const runs = Number(options.runs);
const cluster = "check";
const groups = ["vm", "pg", "role"] as const;
const states = ["all well", "standby frozen", "primary frozen"] as const;
type State = (typeof states)[number];

interface Asked {
  readonly isWell: boolean;
  readonly ms: number;
}

interface Sample {
  readonly state: State;
  readonly how: string;
  readonly group: string;
  readonly ms: readonly number[];
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  try {
    const { version } = await installation.create(cluster);
    // Nobody is to end the frozen server, or to take over from it.
    await installation.matriarch("pause", cluster);
    const samples: Sample[] = [];
    for (const state of states) samples.push(...(await measure(installation, state)));
    report(installation, version, loadBefore, samples);
  } finally {
    await installation.end();
  }
}

async function measure(installation: Installation, state: State): Promise<readonly Sample[]> {
  const { members } = await installation.status(cluster);
  const role = state === "primary frozen" ? "primary" : "standby";
  const frozen = members.find((member) => member.role === role);
  const url = frozen?.status_url;
  if (!frozen?.pid || !url) throw new Error(`there is no ${role}`);
  const thaw = state === "all well" ? () => undefined : freezeServer(frozen.pid);
  try {
    const samples: Sample[] = [];
    for (const group of groups) {
      // A frozen server says nothing of its machine, which may be busy.
      const fails = group === "vm" ? undefined : state !== "all well";
      samples.push({ state, how: "command", group, ms: await take(fails, () => byCommand(installation, group)) });
      samples.push({ state, how: "HTTP", group, ms: await take(fails, () => overHttp(`${url}/flycheck/${group}`)) });
      tell(`${state}: ${group}`);
    }
    return samples;
  } finally {
    thaw();
  }
}

async function take(fails: boolean | undefined, ask: () => Promise<Asked>): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let turn = 0; turn < runs; turn += 1) {
    const { isWell, ms } = await ask();
    if (isWell === fails) throw new Error(`the check ${isWell ? "did not fail" : "failed"}`);
    taken.push(ms);
  }
  return taken;
}

async function byCommand({ home, launcher }: Installation, group: string): Promise<Asked> {
  const begun = performance.now();
  const env = { ...process.env, MATRIARCH_HOME: home };
  const isWell = await promisify(execFile)(launcher, ["check", cluster, "--group", group], { env }).then(
    () => true,
    ({ code }: { code: unknown }) => {
      if (code !== 1) throw new Error(`check ended with ${String(code)}`);
      return false;
    },
  );
  return { isWell, ms: performance.now() - begun };
}

async function overHttp(url: string): Promise<Asked> {
  const begun = performance.now();
  const answer = await fetch(url);
  await answer.text();
  return { isWell: answer.status === 200, ms: performance.now() - begun };
}

function report(installation: Installation, version: string, loadBefore: string, samples: readonly Sample[]): void {
  const rows = samples.map(({ state, how, group, ms }) => [state, group, how, ...secondsCells(ms)]);
  writeReport({
    name: "check",
    about:
      "The checks of a cluster with three members, asked one after another: as a command, with the start of its process, and over HTTP at the status port of the member that is frozen.",
    directory: installation.home,
    postgres: version,
    loadBefore,
    parts: [table([["members", "group", "asked by", "median", "min", "max", "n"], ...rows])],
    samples,
  });
}
