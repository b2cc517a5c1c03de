/** The snapshots of a cluster, of all hosts and also when the cluster is gone; deleting one; how they are taken and kept. */
import type { Asked } from "../../../contract/asked.ts";
import {
  snapshotsSchema,
  type SnapshotPolicyRequest,
  type Snapshots,
  type SnapshotStatus,
} from "../../../contract/storage.ts";
import type { ClusterSpec } from "../../../domain/cluster.ts";
import {
  defaultPolicy,
  isSnapshotId,
  keptUntil,
  lastDueAt,
  type Snapshot,
  type SnapshotPolicy,
} from "../../../domain/snapshot.ts";
import { ownBytes } from "../../../drivers/volume/extents.ts";
import { OpError } from "../../../errors/op-error.ts";
import { amend, clusterOf, refuseWithoutStore, type Parts } from "../../parts.ts";
import { askOthers } from "../elsewhere.ts";
import { descriptionOf, isDescribed, readSnapshots, removeSnapshot, volumeOfSnapshot } from "./files.ts";
import { refuseInUse } from "./in-use.ts";

const dayMs = 86_400_000;
const deleteMs = 30_000;

/** @throws OpError cluster-not-found when there is neither the cluster nor a snapshot of one that was called so */
export async function listSnapshots(
  parts: Parts,
  name: string,
  { here }: { readonly here: boolean },
): Promise<Snapshots> {
  const spec = parts.runtime.clusters.get(name)?.record.spec.value;
  const own = await Promise.all((await snapshotsHere(parts, name)).map((one) => statusOf(parts, spec, one)));
  const policy = spec ? { ...policyOf(spec), next_at: nextAt(parts, spec) } : null;
  if (here) return { snapshots: own, policy: policy && describe(policy), missing: [] };
  const path = `/v1/clusters/${encodeURIComponent(name)}/snapshots?here=true`;
  const { answers, missing } = await askOthers(parts, otherHosts(parts), {
    method: "GET",
    path,
    schema: snapshotsSchema,
  });
  const snapshots = [...own, ...answers.flatMap((answer) => answer.snapshots)];
  if (!spec && snapshots.length === 0) clusterOf(parts, name);
  return {
    snapshots: snapshots.toSorted((a, b) => a.taken_at.localeCompare(b.taken_at)),
    policy: policy && describe(policy),
    missing: [...missing],
  };
}

/** @throws OpError snapshot-not-found, host-unreachable, busy */
export async function deleteSnapshot(
  parts: Parts,
  name: string,
  id: string,
  { here, by }: Asked & { readonly here: boolean },
): Promise<void> {
  const snapshot = await findSnapshot(parts, name, id, { here });
  if (parts.hosts.self === undefined || snapshot.host === parts.hosts.self.name || here) {
    refuseInUse(id, volumeOfSnapshot(parts, snapshot));
    await removeSnapshot(parts, parts.servers.pool, snapshot);
    parts.events.emit("snapshot.deleted", { cluster: name, actor: by }, { snapshot: id });
    return;
  }
  const path = `/v1/clusters/${encodeURIComponent(name)}/snapshots/${encodeURIComponent(id)}?here=true`;
  await parts.hosts.call(snapshot.host, { method: "DELETE", path, as: { by, role: "admin" }, deadlineMs: deleteMs });
}

/** On any host. @throws OpError snapshot-not-found, host-unreachable when it may be on one that does not answer */
export async function findSnapshot(
  parts: Parts,
  name: string,
  id: string,
  { here } = { here: false },
): Promise<SnapshotStatus> {
  if (!isSnapshotId(id)) throw snapshotNotFound(name, id);
  const { snapshots, missing } = await listSnapshots(parts, name, { here });
  const found = snapshots.find((one) => one.id === id);
  if (found) return found;
  const [away] = missing;
  if (!away) throw await noSnapshot(parts, name, id);
  throw new OpError("host-unreachable", {
    message: `snapshot "${id}" of "${name}" is on no host that answers`,
    detail: `Host "${away.host}" may have it: ${away.reason}.`,
    hint: `Wait for the host, or choose another one: matriarch snapshot list ${name}`,
  });
}

export async function changePolicy(
  parts: Parts,
  name: string,
  { daily, kept_days: days }: SnapshotPolicyRequest,
  { by }: Asked,
): Promise<Snapshots> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  let policy = defaultPolicy;
  await amend(parts, name, ({ spec }) => {
    const before = policyOf(spec.value);
    policy = { daily: daily ?? before.daily, keptDays: days ?? before.keptDays };
    const generation = spec.value.generation + 1;
    return { require: ["spec"], write: [{ key: "spec", value: { ...spec.value, snapshots: policy, generation } }] };
  });
  const fields = { daily: policy.daily, kept_days: policy.keptDays };
  parts.events.emit("snapshot.policy-changed", { cluster: name, actor: by }, fields);
  const listed = await listSnapshots(parts, name, { here: false });
  return { ...listed, policy: { ...fields, next_at: policy.daily ? (listed.policy?.next_at ?? null) : null } };
}

/** In an installation on one host all are of this one, whatever it was called when they were taken. */
async function snapshotsHere(parts: Parts, name: string): Promise<readonly Snapshot[]> {
  const found = await readSnapshots(parts, name);
  const self = parts.hosts.self?.name;
  return self === undefined ? found : found.map((snapshot) => ({ ...snapshot, host: self }));
}

async function statusOf(parts: Parts, spec: ClusterSpec | undefined, snapshot: Snapshot): Promise<SnapshotStatus> {
  const { pool } = parts.servers;
  const own = pool.sharesBlocks ? await ownBytes(volumeOfSnapshot(parts, snapshot)) : snapshot.bytes;
  return {
    id: snapshot.id,
    cluster: snapshot.cluster,
    member: snapshot.member,
    host: snapshot.host,
    taken_at: new Date(snapshot.createdAt).toISOString(),
    took_ms: snapshot.tookMs,
    by: snapshot.by,
    why: snapshot.why,
    how: snapshot.how,
    role: snapshot.role,
    timeline: snapshot.timeline,
    version: snapshot.version,
    size_bytes: snapshot.bytes,
    own_bytes: own ?? null,
    kept_until: new Date(keptUntil(snapshot, spec)).toISOString(),
    is_current: spec?.systemIdentifier === snapshot.spec.systemIdentifier,
    start: snapshot.start ?? null,
    system_identifier: snapshot.spec.systemIdentifier,
  };
}

function policyOf(spec: ClusterSpec): SnapshotPolicy {
  return spec.snapshots ?? defaultPolicy;
}

function describe(policy: SnapshotPolicy & { readonly next_at: string | null }): NonNullable<Snapshots["policy"]> {
  return { daily: policy.daily, kept_days: policy.keptDays, next_at: policy.next_at };
}

function nextAt(parts: Parts, spec: ClusterSpec): string | null {
  if (!policyOf(spec).daily) return null;
  return new Date(lastDueAt(spec.name, parts.clock.wallNow()) + dayMs).toISOString();
}

export function otherHosts({ hosts }: Parts): readonly string[] {
  const self = hosts.self?.name;
  return self === undefined ? [] : hosts.all().flatMap(({ name }) => (name === self ? [] : [name]));
}

/** Why it cannot be had here: there is none, or what describes it cannot be read. */
export async function noSnapshot(parts: Pick<Parts, "home">, cluster: string, id: string): Promise<OpError> {
  if (!isSnapshotId(id) || !(await isDescribed(parts, { cluster, id }))) return snapshotNotFound(cluster, id);
  return new OpError("snapshot-damaged", {
    message: `the description of snapshot ${id} cannot be read`,
    detail: `${descriptionOf(parts, { cluster, id })} is damaged, was edited, or is of a newer version of Matriarch.`,
    hint: `Put the file right, or use another one: matriarch snapshot list ${cluster}`,
  });
}

function snapshotNotFound(name: string, id: string): OpError {
  return new OpError("snapshot-not-found", {
    message: `cluster "${name}" has no snapshot "${id}"`,
    hint: `See those that there are: matriarch snapshot list ${name}`,
  });
}
