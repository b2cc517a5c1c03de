/** The primary as the place where databases and users are changed, whichever host it is on. Called by this folder. */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import { attachmentId, type Attachment } from "../../domain/attachment.ts";
import { changeAccounts, lookAtAccounts, type Admin } from "../../drivers/postgres/accounts/admin.ts";
import type { SessionTarget } from "../../drivers/postgres/session/session.ts";
import { commitCluster, readCluster } from "../../drivers/store/records.ts";
import { OpError } from "../../errors/op-error.ts";
import { awake } from "../awake.ts";
import { awaitCluster, clusterOf, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";

/** A failover takes less. */
const primaryWithinMs = 5_000;

/** Nobody else changes databases and users of this cluster meanwhile. @throws OpError no-primary, cluster-stopped */
export async function changeOnPrimary<T>(parts: Parts, name: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const done = await changeAccounts(await primaryTarget(parts, name), use);
  await parts.pools.usersChanged(name);
  return done;
}

export async function lookOnPrimary<T>(parts: Parts, name: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  return lookAtAccounts(await primaryTarget(parts, name), use);
}

/** Where the writable primary is reached from here. @throws OpError no-primary, cluster-stopped */
export async function primaryTarget(parts: Parts, name: string): Promise<SessionTarget> {
  const cluster = clusterOf(parts, name);
  if (cluster.record.spec.value.wish === "stopped")
    throw new OpError("cluster-stopped", {
      message: `cluster "${name}" is stopped`,
      hint: `Start it with: matriarch start ${name}`,
    });
  await awake(parts, name, { by: "a command that needs the primary" });
  await awaitPrimary(parts, name);
  return targetOf(clusterOf(parts, name));
}

async function awaitPrimary(parts: Parts, name: string): Promise<void> {
  const isThere = (cluster: ClusterRuntime): boolean => servingPrimary(cluster) !== undefined;
  if (isThere(clusterOf(parts, name))) return;
  const wait = { withinMs: primaryWithinMs, describe: () => "" };
  await awaitCluster(parts, name, isThere, wait).catch((error: unknown) => {
    if (error instanceof OpError && error.code === "operation-failed") return;
    throw error;
  });
}

function targetOf(cluster: ClusterRuntime): SessionTarget {
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (primary && record) return { socketDirectory: primary.socketDirectory, port: record.port };
  throw new OpError("no-primary", {
    message: `cluster "${cluster.name}" has no primary now`,
    detail: "Nothing was changed.",
    hint: `See why with: matriarch explain ${cluster.name}`,
  });
}

/** From the store, not from what was seen last: another host's agent may have written it a moment ago. */
export async function readAttachments(parts: Parts, name: string): Promise<readonly Attachment[]> {
  const record = await readCluster(parts.store, name);
  if (!record) throw new OpError("cluster-not-found", { message: `cluster "${name}" does not exist any more` });
  return Object.values(record.attachments).map(({ value }) => value);
}

/** Called under the lock of changeOnPrimary. `null` removes the record. */
export async function writeAttachment(
  parts: Parts,
  name: string,
  app: string,
  attachment: Attachment | null,
): Promise<void> {
  const key = `attachment/${attachmentId(app)}` as const;
  const record = await readCluster(parts.store, name);
  const revision = record?.attachments[attachmentId(app)]?.revision ?? 0;
  const require = [{ key, revision }, ...(record ? [{ key: "spec" as const, revision: record.spec.revision }] : [])];
  const outcome = await commitCluster(parts.store, name, { require, write: [{ key, value: attachment }] });
  if (outcome.committed) return;
  throw new OpError("busy", {
    message: `the records of cluster "${name}" were changed by somebody else meanwhile`,
    hint: "Give the same command again: it goes on from what is there.",
  });
}
