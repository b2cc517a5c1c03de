/** What a status says besides what the agent sees of a cluster: this host, its versions, what is being done. */
import type { ClusterRuntime } from "../agent/runtime.ts";
import { embeddedReleases } from "../drivers/postgres/engine/catalog.ts";
import type { Parts } from "./parts.ts";
import { proofsOf } from "./proof/book.ts";
import type { StatusContext } from "./status.ts";

export function statusContextOf(parts: Parts, cluster: ClusterRuntime): StatusContext {
  const { engine, major } = cluster.record.spec.value;
  const running = parts.operations.list({ cluster: cluster.name, state: "running" })[0];
  return {
    hostName: parts.hostName,
    statusUrl: parts.statusUrl,
    endpointHost: parts.hosts.self?.address ?? "127.0.0.1",
    version:
      parts.servers.versionOf(cluster.record.spec.value) ??
      (engine === "embedded" ? (embeddedReleases[major]?.version ?? String(major)) : String(major)),
    // What the home has besides is looked for when somebody asks: matriarch version CLUSTER.
    newestVersion: engine === "embedded" ? embeddedReleases[major]?.version : undefined,
    operation: running && { id: running.id, kind: running.kind },
    wallNow: parts.clock.wallNow(),
    proofs: proofsOf(parts, cluster.record.spec.value),
  };
}
