/** What the installation's commands work with; put together by the agent's entry. */
import type { Clock } from "../agent/clock.ts";
import type { MemberServers } from "../agent/member-servers.ts";
import type { Pools } from "../agent/pools.ts";
import type { ClusterRuntime, Runtime } from "../agent/runtime.ts";
import type { ArchiveLook } from "../domain/archive.ts";
import {
  revisionOf,
  type ClusterRecord,
  type ClusterTxn,
  type MemberRecord,
  type RecordKey,
  type RecordValue,
} from "../domain/cluster.ts";
import type { ProofRecord } from "../domain/proof.ts";
import type { HostRecord } from "../domain/host.ts";
import type { NeighbourCall } from "../drivers/neighbours/port.ts";
import type { UsageHistory } from "../drivers/volume/history.ts";
import { storeAway } from "../drivers/store/known-away.ts";
import type { Store } from "../drivers/store/port.ts";
import { commitCluster, readCluster } from "../drivers/store/records.ts";
import { OpError } from "../errors/op-error.ts";
import { metGeneration, refuseOtherGeneration } from "./generations.ts";
import { noSuchCluster } from "./making.ts";
import type { EventLog } from "../events/event-log.ts";
import type { PauseMarks } from "../events/pause-marks.ts";
import type { OperationLog } from "../events/operation-log.ts";
import type { Log } from "../log/log.ts";
import type { RouterStatus } from "../router/wire.ts";
import type { PortClaims } from "./ports.ts";

/** The hosts of the installation, as requests see them. */
export interface Hosts {
  /** the record of this host; undefined in an installation on one host */
  readonly self: HostRecord | undefined;
  /** all of them, this one included, by name; empty on one host */
  all(): readonly HostRecord[];
  /** its agent has been heard within the last seconds; of this host always */
  isHeard(name: string): boolean;
  /** monotonic; undefined: never since this agent's start */
  heardAt(name: string): number | undefined;
  /** @throws OpError host-unreachable, or as the other agent said it */
  call(host: string, call: NeighbourCall): Promise<unknown>;
}

export interface Parts {
  readonly hosts: Hosts;
  readonly runtime: Runtime;
  readonly store: Store;
  /** as the agent sees it now, for people */
  readonly storeHealth: Pick<ClusterRuntime, "storeReachable" | "storeAwaySince">;
  readonly events: EventLog;
  readonly operations: OperationLog;
  /** interruptions of writes that last, as this host knows them */
  readonly pauses: PauseMarks;
  readonly servers: MemberServers;
  /** what is known of the archives of clusters whose primary is here */
  readonly archives: Map<string, ArchiveLook>;
  /** what is remembered of proofs, by cluster, as it was read last */
  readonly proofs: Map<string, ProofRecord>;
  /** the poolers of this host */
  readonly pools: Pools;
  /** of the volumes of this host */
  readonly usage: Pick<UsageHistory, "add" | "growthPerDay">;
  readonly clock: Clock;
  readonly log: Log;
  readonly home: string;
  readonly clustersDirectory: string;
  readonly ports: PortClaims;
  readonly caFile: string;
  /** that endpoints show */
  readonly certFile: string;
  /** @throws OpError router-unreachable */
  readonly routerStatus: () => Promise<RouterStatus>;
  /** where a member says how it is (docs/monitoring.md); undefined where it does not */
  readonly statusUrl: (member: MemberRecord) => string | undefined;
  readonly hostName: string;
  readonly startedAt: number;
  /** when the agent ends, what follows operations ends too */
  readonly signal: AbortSignal;
}

/** Its server is of this host. Where there is one host all are, whatever the machine was called when they were made. */
export function isHere({ hosts }: Pick<Parts, "hosts">, { host }: Pick<MemberRecord, "host">): boolean {
  return hosts.self === undefined || hosts.self.name === host;
}

/** @throws OpError cluster-not-found; busy while it is being made and has no records yet */
export function clusterOf(parts: Parts, name: string): ClusterRuntime {
  const cluster = parts.runtime.clusters.get(name);
  if (cluster) return cluster;
  throw noSuchCluster(name, parts.operations.list({ cluster: name }));
}

/** @throws OpError member-not-found */
export function memberOf(cluster: ClusterRuntime, member: string): void {
  if (cluster.record.members[member]) return;
  throw new OpError("member-not-found", {
    message: `cluster "${cluster.name}" has no member "${member}"`,
    hint: `Its members are ${Object.keys(cluster.record.members).join(", ")}.`,
  });
}

/**
 * Asked before a change is begun: what cannot be written down must not be done by halves.
 * @throws OpError store-unavailable
 */
export function refuseWithoutStore({ storeHealth: { storeReachable, storeAwaySince: since } }: Parts): void {
  if (!storeReachable) throw storeAway(since);
}

export type Writes = readonly { readonly key: RecordKey; readonly value: RecordValue | null }[];

/**
 * Writes to a cluster's records what `change` makes of them; again from the newest when they changed meanwhile.
 * @throws OpError busy when they keep changing, and whatever `change` refuses with
 */
export async function amend(
  parts: Parts,
  name: string,
  change: (record: ClusterRecord) => { readonly require: readonly RecordKey[]; readonly write: Writes },
): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const record = await readCluster(parts.store, name);
    if (!record) throw new OpError("cluster-not-found", { message: `cluster "${name}" does not exist` });
    const { require, write } = change(record);
    const isOfSpec = write.some(({ key }) => key === "spec");
    if (isOfSpec) refuseOtherGeneration(record.spec.value);
    const txn: ClusterTxn = { require: require.map((key) => ({ key, revision: revisionOf(record, key) })), write };
    const outcome = await commitCluster(parts.store, name, txn);
    if (outcome.committed) return isOfSpec ? metGeneration(name) : undefined;
  }
  throw new OpError("busy", { message: `the records of cluster "${name}" keep changing`, hint: "Try again." });
}

/**
 * Waits until `reached` holds of the cluster; looks whenever something changes.
 * @throws OpError operation-failed after `withinMs`, with what `describe` says is missing
 */
export function awaitCluster(
  parts: Parts,
  name: string,
  reached: (cluster: ClusterRuntime) => boolean,
  wait: { readonly withinMs: number; readonly describe: () => string },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      over.abort();
      settle();
    };
    const look = (): void => {
      const cluster = parts.runtime.clusters.get(name);
      if (!cluster)
        end(() => reject(new OpError("cluster-not-found", { message: `cluster "${name}" does not exist any more` })));
      else if (reached(cluster)) end(resolve);
    };
    const timer = setTimeout(
      () =>
        end(() =>
          reject(
            new OpError("operation-failed", {
              message: `it took longer than ${Math.round(wait.withinMs / 1000)} s`,
              detail: wait.describe(),
              hint: `See: matriarch explain ${name}`,
            }),
          ),
        ),
      wait.withinMs,
    );
    parts.runtime.onChange((changed) => {
      if (changed === name) look();
    }, over.signal);
    parts.signal.addEventListener(
      "abort",
      () => end(() => reject(new OpError("interrupted", { message: "the agent stopped" }))),
      {
        once: true,
      },
    );
    look();
  });
}
