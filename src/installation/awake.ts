/**
 * Scale to zero as users ask for it: after how long without a client a cluster falls asleep, and a cluster that is awake
 * for the commands that need one. The core decides on sleep (core/rules/sleep.ts), the agent's loop wakes.
 */
import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Asked } from "../contract/installation.ts";
import { awaitCluster, amend, clusterOf, refuseWithoutStore, type Parts } from "./parts.ts";
import { servingPrimary } from "./status.ts";

/** Together shorter than callers wait; what needs more refuses in its own words when nobody serves by then. */
const wakeMs = 6000;
/** The standbys come a moment after the primary. */
const standbysMs = 2000;

/** The cluster, woken if it is asleep. @throws OpError cluster-not-found, store-unavailable */
export async function awake(parts: Parts, name: string, asked: Asked): Promise<ClusterRuntime> {
  const { sleep, spec } = clusterOf(parts, name).record;
  if (!sleep || spec.value.wish === "stopped") return clusterOf(parts, name);
  refuseWithoutStore(parts);
  parts.runtime.wake(name, asked.by);
  const isAwake = (cluster: ClusterRuntime): boolean => !cluster.record.sleep && servingPrimary(cluster) !== undefined;
  await soon(parts, name, isAwake, wakeMs);
  await soon(parts, name, (cluster) => isAwake(cluster) && isComplete(cluster), standbysMs);
  return clusterOf(parts, name);
}

function isComplete({ members }: ClusterRuntime): boolean {
  return [...members.values()].every(
    ({ server }) => server.kind === "running" && (server.role === "primary" || server.streaming),
  );
}

async function soon(
  parts: Parts,
  name: string,
  reached: (cluster: ClusterRuntime) => boolean,
  withinMs: number,
): Promise<void> {
  await awaitCluster(parts, name, reached, { withinMs, describe: () => "" }).catch(() => undefined);
}

/** @param idleMs undefined: it never falls asleep, and wakes now */
export async function setAutostop(parts: Parts, name: string, idleMs: number | undefined, asked: Asked): Promise<void> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  let before: number | undefined;
  await amend(parts, name, ({ spec }) => {
    const { autostopMs, ...rest } = spec.value;
    before = autostopMs;
    const changed = idleMs === undefined ? rest : { ...rest, autostopMs: idleMs };
    return {
      require: ["spec"],
      write: [{ key: "spec", value: { ...changed, generation: spec.value.generation + 1 } }],
    };
  });
  if (before !== idleMs)
    parts.events.emit("cluster.autostop", { cluster: name, actor: asked.by }, { idle_ms: idleMs ?? null });
  await soon(parts, name, ({ record }) => record.spec.value.autostopMs === idleMs, wakeMs);
  if (idleMs === undefined) await awake(parts, name, asked);
}
