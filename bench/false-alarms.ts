/**
 * Whether a machine that is overloaded makes anybody take over who should not: all processors busy, the disk busy with
 * flushes, clients that write, for some minutes at default timings. Every failover in that time is a false alarm.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { checkHistory } from "../tests/checker/history.ts";
import { whyNoLab } from "../tests/hosts/lab/able.ts";
import { LabCluster } from "../tests/hosts/lab/cluster.ts";
import { Lab } from "../tests/hosts/lab/lab.ts";
import { Recorder } from "../tests/hosts/lab/recorder.ts";
import { endAtExit } from "../tests/hosts/lab/spaces.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, name: { type: "string", default: "false-alarms" } },
});
const minutes = Number(options.minutes);
/** Each keeps a processor busy. */
const burners = cpus().length * 2;
/** Each writes and flushes 16 MiB again and again, beside the members' own disks. */
const flushers = 2;

await main();

async function main(): Promise<void> {
  const problem = whyNoLab();
  if (problem) throw new Error(problem);
  endAtExit();
  const loadBefore = load();
  await using lab = await Lab.make();
  const cluster = await LabCluster.create(lab, "busy");
  const before = await cluster.healthy();
  const client = new Recorder(lab.client);
  const target = cluster.target(await cluster.primary());
  await client.prepare(target, "busy");
  await client.start({
    writers: { any: lab.hosts.map((host) => cluster.target(host)) },
    table: "busy",
    patienceMs: 10_000,
    pauseMs: 20,
  });
  const busy = startLoad(lab);
  try {
    for (let minute = 1; minute <= minutes; minute += 1) {
      await sleep(60_000);
      tell(`${minute} of ${minutes} minutes, epoch ${(await cluster.status())?.epoch}, load ${load()}`);
    }
  } finally {
    for (const child of busy) child.kill("SIGKILL");
  }
  const loadAtEnd = load();
  const after = await cluster.healthy();
  const history = Object.values(await client.stop()).flat();
  const verdict = checkHistory(history, await client.rows(cluster.target(await cluster.primary()), "busy"));
  client.end();
  const events = (await cluster.events())
    .filter(({ type }) => /failover|fence|guard/.test(type))
    .map(({ type, message }) => `${type}: ${message}`);
  writeReport({
    name: options.name,
    about: `Three hosts on one machine, ${burners} processes that only compute and ${flushers} that write and flush, ${minutes} minutes at default timings (load average ${loadAtEnd} at the end). A change of epoch is a false alarm.`,
    directory: lab.hosts[0]?.directory ?? ".",
    postgres: after.version,
    loadBefore,
    parts: [
      table([
        ["minutes", "false alarms", "acknowledged writes", "lost", "longest gap"],
        [
          String(minutes),
          String(after.epoch - before.epoch),
          String(verdict.acknowledged),
          String(verdict.lost.length),
          `${verdict.gap?.ms.toFixed(0)} ms`,
        ],
      ]),
      ...events,
    ],
    samples: { before, after, events },
  });
}

function startLoad(lab: Lab): readonly ChildProcess[] {
  const directory = lab.hosts[0]?.directory ?? ".";
  const start = (script: string, file: string): ChildProcess =>
    spawn("sh", ["-c", script, file], { stdio: "ignore", cwd: directory });
  const computing = Array.from({ length: burners }, () => start("while :; do :; done", "burn"));
  const flush = 'while :; do dd if=/dev/zero of="$0" bs=1M count=16 conv=fsync 2>/dev/null; done';
  const flushing = Array.from({ length: flushers }, (_, n) => start(flush, join(directory, `flush-${n}`)));
  return [...computing, ...flushing];
}
