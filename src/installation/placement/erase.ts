/**
 * A host's part of removing a cluster: its loops, its servers, its directories. Asked by the agent that destroys it, of
 * itself and of the others (PeerApi.erase); the records go when all hosts have answered. Safe to repeat.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { closeBook } from "../../drivers/pgbackrest/book.ts";
import { readCluster } from "../../drivers/store/records.ts";
import { endLeftServer } from "../../drivers/postgres/clone/left-server.ts";
import { isHere, type Parts } from "../parts.ts";
import { keepLastLog } from "../storage/archive/last-log.ts";
import { keepForItsTime } from "../storage/snapshots/files.ts";
import { severalHosts } from "./hosts.ts";

const eraseMs = 120_000;

export async function eraseHere(parts: Parts, name: string): Promise<void> {
  // First: a cluster whose records cannot be read is left alone. Without its loop the guard would end its primary.
  const record = await readCluster(parts.store, name);
  await parts.runtime.abandon(name);
  if (record) await endServers(parts, record);
  if (record) await keepForItsTime(parts, record.spec.value);
  const directory = join(parts.clustersDirectory, name);
  const volumes = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const volume of volumes.filter((entry) => entry.isDirectory())) {
    await endLeftServer(join(directory, volume.name, "data"));
    await parts.servers.pool.remove(join(directory, volume.name));
  }
  // A copy that the last agent began may still be running, and puts files where others have just been removed.
  const patiently = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };
  await rm(directory, patiently);
  // Backups elsewhere outlive their cluster, and what finds them again.
  await closeBook(parts, name);
}

async function endServers(parts: Parts, record: ClusterRecord): Promise<void> {
  const own = Object.values(record.members).filter(({ value }) => isHere(parts, value));
  if (own.length === 0) return;
  await parts.servers.prepare(record);
  const servers = own.map(({ value: member }) => parts.servers.make(record, member));
  await Promise.all(servers.map((server) => server.fence()));
  await keepLastLog(parts, record).catch((error: unknown) =>
    parts.log.warn("the end of the log was not kept", { cluster: record.spec.value.name, error }),
  );
  await Promise.all(
    servers.map(async (server) => {
      await server.destroy();
      await server.close();
    }),
  );
}

/** @returns hosts that did not answer: what they have is put aside when they come back (orphans.ts) */
export async function eraseElsewhere(parts: Parts, name: string): Promise<readonly string[]> {
  const hosts = severalHosts(parts);
  const others = (hosts?.all() ?? []).filter((host) => host.name !== hosts?.self.name);
  const call = { method: "POST", path: "/v1/peer/erase", body: { cluster: name }, deadlineMs: eraseMs } as const;
  const left = await Promise.all(
    others.map(async (host) => {
      if (!hosts?.isHeard(host.name)) return [host.name];
      return hosts.call(host.name, call).then(
        () => [],
        (error: unknown) => {
          parts.log.error("erasing on another host failed", { cluster: name, host: host.name, error });
          return [host.name];
        },
      );
    }),
  );
  return left.flat();
}
