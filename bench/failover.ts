/**
 * How long writes stop when the primary goes. Four clients write one row after another through the primary endpoint;
 * the primary's postmaster is killed, its whole server is frozen, or a switchover is asked for; counted is the longest
 * time from one acknowledged write to the next, of any client. Afterwards every acknowledged row must be there. Beside
 * it, in turn with it, the floor: three bare servers under the same load, promoted at once by who killed the primary.
 */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Client, ClientConfig } from "pg";
import { ensureEmbeddedEngine } from "../src/drivers/postgres/engine/embedded.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { ensureTemplate } from "../src/drivers/postgres/provision/template.ts";
import { checkHistory } from "../tests/checker/history.ts";
import { prepareTable, readRows, recordWrites } from "../tests/checker/record-writer.ts";
import { freezeServer } from "./measure/freeze.ts";
import { Installation, type Status } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { RawCluster, type RawPlan, type RawServer } from "./measure/raw-cluster.ts";
import { keepFile, tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "20" },
    clients: { type: "string", default: "4" },
    pause: { type: "string", default: "2" },
    only: { type: "string", default: "kill,freeze,switchover,floor" },
    name: { type: "string", default: "failover" },
  },
});
const runs = Number(options.runs);
const writers = { connections: Number(options.clients), pauseMs: Number(options.pause) };
const cluster = "bench";
const major = 18;
/** A client gives a write up after this; the longest gap that can be told apart from a loss. */
const patienceMs = 30_000;
const healMs = 60_000;
const floorPatienceMs = 5000;

const faults = { kill, freeze, switchover } as const;
type Fault = keyof typeof faults;
const titles: Readonly<Record<Fault, string>> = {
  kill: "postmaster of the primary killed (SIGKILL)",
  freeze: "primary frozen (SIGSTOP to all its processes), found out first",
  switchover: "`matriarch switchover`",
};
interface Sample {
  readonly gapMs: number;
  /** writes that ended in an error or in doubt */
  readonly failed: number;
  readonly lost: number;
  /** until every member streamed again */
  readonly healMs: number;
}
interface FloorSample {
  readonly tries: number;
  readonly promotedMs: number;
  readonly writeMs: number;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const wanted = options.only.split(",");
  const samples: Record<Fault, Sample[]> = { kill: [], freeze: [], switchover: [] };
  const floor: FloorSample[] = [];
  const installation = await Installation.prepare();
  try {
    const created = await installation.create(cluster);
    const plan = await rawPlan(installation);
    for (let n = 1; n <= runs; n += 1) {
      for (const fault of Object.keys(faults) as Fault[]) {
        if (!wanted.includes(fault)) continue;
        const sample = await breakOnce(installation, { connectionString: created.uri }, fault, `${fault}_${n}`);
        samples[fault].push(sample);
        tell(
          `${n} of ${runs}: ${fault} ${sample.gapMs.toFixed(0)} ms, ${sample.failed} writes failed, ${sample.lost} lost`,
        );
      }
      if (!wanted.includes("floor")) continue;
      const sample = await timeFloor(plan);
      floor.push(sample);
      tell(
        `${n} of ${runs}: floor promoted ${sample.promotedMs.toFixed(0)} ms, quorum write ${sample.writeMs.toFixed(0)} ms`,
      );
    }
    report(installation, created.version, loadBefore, samples, floor);
  } finally {
    // What the agent decided in each run, and when.
    keepFile(join(installation.home, "agent.log"), `${options.name}-agent.log`);
    await installation.end();
  }
}

async function breakOnce(
  installation: Installation,
  target: ClientConfig,
  fault: Fault,
  rows: string,
): Promise<Sample> {
  const status = await healthy(installation);
  await prepareTable(target, rows);
  const recorder = recordWrites({ targets: [target], table: rows, patienceMs, ...writers });
  await recorder.acknowledged(300, patienceMs);
  const thaw = await faults[fault](installation, status);
  const brokenAt = performance.now();
  await recorder.acknowledged(300, patienceMs);
  const history = await recorder.stop();
  thaw();
  await healthy(installation);
  const healed = performance.now() - brokenAt;
  const verdict = checkHistory(history, await readRows(target, rows));
  if (verdict.overlaps.length > 0) throw new Error("two servers acknowledged at the same time");
  return {
    gapMs: verdict.gap?.ms ?? NaN,
    failed: verdict.refused + verdict.unknown,
    lost: verdict.lost.length,
    healMs: healed,
  };
}

/** Every member runs and streams, and has all there is. */
async function healthy(installation: Installation): Promise<Status> {
  const end = performance.now() + healMs;
  for (;;) {
    const status = await installation.status(cluster);
    if (status.state === "healthy" && status.members.every(({ lag_bytes }) => (lag_bytes ?? Infinity) < 65_536))
      return status;
    if (performance.now() > end)
      throw new Error(`not healthy after ${healMs} ms: ${JSON.stringify(status, undefined, 1)}`);
    await sleep(100);
  }
}

function primaryPid(status: Status): number {
  const pid = status.members.find(({ id }) => id === status.primary)?.pid;
  if (!pid) throw new Error("there is no primary");
  return pid;
}

async function kill(_installation: Installation, status: Status): Promise<() => void> {
  process.kill(primaryPid(status), "SIGKILL");
  return () => undefined;
}

async function freeze(_installation: Installation, status: Status): Promise<() => void> {
  return freezeServer(primaryPid(status));
}

async function switchover(installation: Installation): Promise<() => void> {
  await installation.matriarch("switchover", cluster, "--yes");
  return () => undefined;
}

async function rawPlan({ home }: Installation): Promise<RawPlan & { readonly template: string }> {
  const signal = AbortSignal.timeout(60_000);
  const engine = await ensureEmbeddedEngine(home, major, { signal });
  const owner = await chooseServerOwner();
  const template = await ensureTemplate(home, engine, owner, signal);
  return { engine, owner, directory: join(home, "..", "raw"), template: template.directory };
}

/**
 * Sessions are open before the primary is killed, and the one who kills knows at once that it is dead. Nobody votes,
 * so now and then the standby that is not chosen has received more by then and cannot follow: such a try is repeated.
 */
async function timeFloor(plan: RawPlan & { readonly template: string }): Promise<FloorSample> {
  for (let tries = 1; ; tries += 1) {
    const sample = await tryFloor(plan);
    if (sample) return { ...sample, tries };
    tell("floor: the wrong standby was promoted; once more");
    if (tries === 5) throw new Error("the floor could not be measured");
  }
}

async function tryFloor(
  plan: RawPlan & { readonly template: string },
): Promise<Omit<FloorSample, "tries"> | undefined> {
  const raw = new RawCluster(plan);
  const [primary, two, three] = raw.servers;
  const table = "floor";
  try {
    await raw.makeDirectory();
    await raw.copyTemplate(plan.template);
    await raw.configure();
    raw.start();
    await raw.firstWrite();
    await raw.streaming();
    await prepareTable(primary.address, table);
    const sessions = [await two.connect(), await three.connect()] as const;
    const recorder = recordWrites({ targets: [primary.address], table, patienceMs: 1000, ...writers });
    await recorder.acknowledged(300, patienceMs);
    const sample = await promoteBest(primary, [two, three], sessions, table);
    await recorder.stop();
    return sample;
  } finally {
    await raw.remove();
  }
}

async function promoteBest(
  primary: RawServer,
  [two, three]: readonly [RawServer, RawServer],
  sessions: readonly [Client, Client],
  table: string,
): Promise<Omit<FloorSample, "tries"> | undefined> {
  const killedAt = performance.now();
  primary.signal("SIGKILL");
  await primary.ended();
  const [a = "", b = ""] = await Promise.all(sessions.map(receivedBy));
  const [winner, other, session] = BigInt(a) >= BigInt(b) ? [two, three, sessions[0]] : [three, two, sessions[1]];
  winner.promote();
  other.follow(winner);
  await outOfRecovery(session);
  const promotedMs = performance.now() - killedAt;
  const written = session.query(`INSERT INTO ${table} VALUES ('after')`).then(
    () => performance.now() - killedAt,
    () => undefined,
  );
  const writeMs = await Promise.race([written, sleep(floorPatienceMs, undefined, { ref: false })]);
  return writeMs === undefined ? undefined : { promotedMs, writeMs };
}

async function receivedBy(session: Client): Promise<string> {
  const { rows } = await session.query<{ lsn: string }>("SELECT (pg_last_wal_receive_lsn() - '0/0')::text AS lsn");
  return rows[0]?.lsn ?? "0";
}

async function outOfRecovery(session: Client): Promise<void> {
  for (;;) {
    const { rows } = await session.query<{ standby: boolean }>("SELECT pg_is_in_recovery() AS standby");
    if (rows[0]?.standby === false) return;
    await sleep(1);
  }
}

function report(
  { home }: Installation,
  version: string,
  loadBefore: string,
  samples: Readonly<Record<Fault, readonly Sample[]>>,
  floor: readonly FloorSample[],
): void {
  const present = (Object.keys(titles) as Fault[]).filter((fault) => samples[fault].length > 0);
  const gaps = present.map((fault) => [titles[fault], ...secondsCells(samples[fault].map(({ gapMs }) => gapMs))]);
  const floors = [
    ["floor: bare servers, killed to promoted", ...secondsCells(floor.map(({ promotedMs }) => promotedMs))],
    [
      "floor: bare servers, killed to the first write that a quorum has",
      ...secondsCells(floor.map(({ writeMs }) => writeMs)),
    ],
  ];
  const heals = present.map((fault) => {
    const taken = samples[fault];
    const failed = summarize(taken.map((sample) => sample.failed));
    const lost = taken.reduce((sum, sample) => sum + sample.lost, 0);
    return [
      titles[fault],
      ...secondsCells(taken.map(({ healMs }) => healMs)).slice(0, 3),
      `${failed.median} (at most ${failed.max})`,
      String(lost),
    ];
  });
  const repeated = floor.reduce((sum, { tries }) => sum + tries - 1, 0);
  writeReport({
    name: options.name,
    about:
      `Longest gap between two acknowledged writes of any client, three members, default settings: ${writers.connections} clients ` +
      `write single rows through the primary endpoint (TLS, SCRAM), with a pause of ${writers.pauseMs} ms between two writes of one. ` +
      "Each round runs all rows, one after the other. The floor promotes without asking anybody, under the same load.",
    directory: home,
    postgres: version,
    loadBefore,
    parts: [
      table([
        ["gap between acknowledged writes", "median", "min", "max", "n"],
        ...gaps,
        ...(floor.length > 0 ? floors : []),
      ]),
      ...(heals.length > 0
        ? [
            table([
              [
                "until all three members stream again",
                "median",
                "min",
                "max",
                "writes that failed at the client",
                "acknowledged writes lost",
              ],
              ...heals,
            ]),
          ]
        : []),
      ...(repeated > 0
        ? [`${repeated} tries of the floor were repeated: the standby that was promoted lacked what the other had.`]
        : []),
    ],
    samples: { ...samples, floor },
  });
}
