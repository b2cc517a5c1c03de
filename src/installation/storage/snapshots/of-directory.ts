/** The description of a snapshot that is a stopped member's own directory, which changes its place and nothing else. */
import { randomBytes } from "node:crypto";
import type { ClusterSpec, MemberRecord } from "../../../domain/cluster.ts";
import { snapshotId, type Snapshot } from "../../../domain/snapshot.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import type { Parts } from "../../parts.ts";

export type Kept = Pick<MemberRecord, "id" | "host" | "dataDirectory" | "version">;

/** What the member was, and who wants it kept. */
export type Keeping = Pick<Snapshot, "by" | "why" | "role">;

export async function describeDirectory(
  { clock, servers }: Pick<Parts, "clock" | "servers">,
  spec: ClusterSpec,
  member: Kept,
  keeping: Keeping,
): Promise<Snapshot> {
  const createdAt = clock.wallNow();
  const { state, timeline, minRecoveryTimeline } = await readControl(member.dataDirectory);
  return {
    id: snapshotId(spec.name, createdAt, randomBytes(2).toString("hex")),
    cluster: spec.name,
    member: member.id,
    host: member.host,
    createdAt,
    tookMs: 0,
    ...keeping,
    // Ended hard, it has to go through its log first.
    how: state === "shut down" ? "stopped" : "atomic",
    timeline: Math.max(timeline, minRecoveryTimeline),
    start: await replayStart(member.dataDirectory),
    version: servers.versionOf(spec, member) ?? String(spec.major),
    bytes: await servers.pool.bytesIn(member.dataDirectory),
    spec,
  };
}
