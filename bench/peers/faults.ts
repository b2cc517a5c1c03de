/** The faults of the bench beside the peers: each breaks a system once, under the bench's clients, and heals it again. */
import { setTimeout as sleep } from "node:timers/promises";
import { checkHistory, type History, type Verdict } from "../../tests/checker/history.ts";
import { signalAll } from "../../tests/faults/processes.ts";
import type { Machine } from "../../tests/hosts/lab/machine.ts";
import type { Recorder } from "../../tests/hosts/lab/recorder.ts";
import { storePids, type PeerSystem } from "./system.ts";

export const faultTitles = {
  kill: "postmaster of the primary killed",
  lost: "host lost (black hole)",
  frozen: "host frozen, thawed",
  partitioned: "host cut off from the others, clients still reach it",
  switchover: "switchover asked for",
  store: "store out for 15 s",
} as const;
export type FaultName = keyof typeof faultTitles;
export const faultNames: readonly FaultName[] = ["kill", "lost", "frozen", "partitioned", "switchover", "store"];

export interface Sample {
  readonly system: string;
  readonly fault: FaultName;
  /** the longest time without an acknowledgement to anybody */
  readonly gapMs: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly lost: number;
  /** two servers acknowledged in overlapping time, or an older timeline after a newer one */
  readonly splits: number;
  /** from the end of the fault until everything streams again */
  readonly healMs: number;
}

const storeOutMs = 15_000;
/** After this the bench gives up on writes that do not come back. */
const backMs = 150_000;
/** A client gives up a write or a connection after this, and tries the next host. */
const patienceMs = 1000;
/** So long the clients go on after a host came back: a former primary may do harm only then. */
const afterwardsMs = 4000;

/** @returns how to end the fault */
type Fault = (system: PeerSystem, primary: Machine) => Promise<() => Promise<void>>;
const nothingToEnd = async (): Promise<void> => undefined;

const faults: Readonly<Record<FaultName, Fault>> = {
  kill: async (system, primary) => {
    signalAll([system.postmaster(primary)], "SIGKILL");
    return nothingToEnd;
  },
  lost: async (_system, primary) => {
    await primary.vanish();
    return () => primary.network.mend();
  },
  frozen: async (_system, primary) => {
    await primary.freeze();
    return async () => primary.thaw();
  },
  partitioned: async ({ hosts }, primary) => {
    const others = hosts.map(({ name }) => name).filter((name) => name !== primary.name);
    await primary.network.cut({ from: [primary.name], to: others }, { from: others, to: [primary.name] });
    return () => primary.network.mend();
  },
  switchover: async (system, primary) => {
    await system.switchover(primary);
    return nothingToEnd;
  },
  store: async (system) => {
    const pids = storePids(system);
    if (pids.length === 0) throw new Error("there is no store to stop");
    signalAll(pids, "SIGSTOP");
    await sleep(storeOutMs);
    signalAll(pids, "SIGCONT");
    return nothingToEnd;
  },
};

export async function breakOnce(
  system: PeerSystem,
  client: Recorder,
  fault: FaultName,
  table: string,
): Promise<Sample> {
  const primary = await system.healthy();
  await client.prepare(targetOf(system, primary), table);
  await client.start({ writers: writersFor(system), table, patienceMs, pauseMs: 2 });
  await client.acknowledged(300, backMs);
  const heal = await faults[fault](system, primary);
  await client.acknowledged(300, backMs);
  await heal();
  const healedAt = performance.now();
  await sleep(afterwardsMs);
  const now = await system.healthy();
  const healMs = performance.now() - healedAt;
  const history = Object.values(await client.stop()).flat();
  const verdict = checkHistory(history, await client.rows(targetOf(system, now), table));
  return { system: system.name, fault, healMs, ...summary(verdict, history) };
}

function summary(
  verdict: Verdict,
  history: History,
): Pick<Sample, "gapMs" | "acknowledged" | "unknown" | "lost" | "splits"> {
  return {
    gapMs: history.length === 0 ? NaN : (verdict.gap?.ms ?? NaN),
    acknowledged: verdict.acknowledged,
    unknown: verdict.unknown,
    lost: verdict.lost.length,
    splits: verdict.overlaps.length + verdict.backwards.length,
  };
}

/** Four writers, each with another host first. */
function writersFor({ targets }: PeerSystem): Readonly<Record<string, PeerSystem["targets"]>> {
  return Object.fromEntries(
    [0, 1, 2, 3].map((n) => [`w${n}`, targets.map((_, index) => targets[(index + n) % targets.length] ?? {})]),
  );
}

function targetOf({ hosts, targets }: PeerSystem, host: Machine): PeerSystem["targets"][number] {
  return targets[hosts.indexOf(host)] ?? {};
}
